"""What a container is to be: one type, and its four spellings: a job's JSON, Docker's JSON, the command line, a form.

All of it is pure. What is judged (``docker.as_docker``) is what is sent.
"""
