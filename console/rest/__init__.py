"""The kit of the JSON API: who asks, one shape of errors, pages of lists, requests that are done once."""
