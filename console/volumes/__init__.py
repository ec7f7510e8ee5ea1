"""Volumes on hosts: what is kept in them, who has them, and copies of them that the console keeps."""
