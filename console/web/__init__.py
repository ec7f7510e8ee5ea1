"""The HTML kit that every page is made of. Imports no app but operations."""
