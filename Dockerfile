# The console in a container: web server, worker, scheduler or agent, as `up --only` names them. The engine stays on its
# host. docker-compose.example.yml builds it and says how the containers fit together.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}
WORKDIR /naru
COPY . .
RUN python3 scripts/prepare.py image
EXPOSE 8000
VOLUME /var/lib/naru
ENTRYPOINT [".venv/bin/python", "manage.py", "up", "--only"]
