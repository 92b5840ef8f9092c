"""What a run writes down in its own directory, and what is read back from there: files only.

Knows no MLflow. Imports ``basics``.
"""
