"""The pictures that come with nnexp."""
