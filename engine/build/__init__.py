"""Dockerfile to image: lexer, parser and plan are pure; context, copying and steps touch files and containers."""
