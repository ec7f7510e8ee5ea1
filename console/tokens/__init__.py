"""API tokens: made by a person for themselves, to ask by without a browser, for part of what that person may."""
