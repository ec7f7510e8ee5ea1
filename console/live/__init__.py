"""The websocket kit: one consumer, topics registered by apps, text read by cursor. Imports no app but operations."""
