"""What an engine tells of a container (``GET /containers/{id}/json``), as Docker words it."""

from typing import Any

HOSTILE = '"><script>alert(1)</script>'


def inspection(engine_id: str, **config: Any) -> dict[str, Any]:
    """A container with something in every part that pages show. ``config`` goes into Config."""
    return {
        "Id": engine_id,
        "Name": "/web-1",
        "Created": "2026-01-02T03:04:05.123456789Z",
        "Path": "/bin/serve",
        "Args": ["--port", "80"],
        "Image": f"sha256:{'cd' * 32}",
        "RestartCount": 2,
        "SizeRw": 4_200_000,
        "SizeRootFs": 96_000_000,
        "State": {
            "Status": "running",
            "Running": True,
            "ExitCode": 0,
            "StartedAt": "2026-01-02T03:04:06.000001Z",
            "Health": {
                "Status": "unhealthy",
                "FailingStreak": 3,
                "Log": [
                    {
                        "Start": "2026-01-02T03:05:00.123456789Z",
                        "End": "2026-01-02T03:05:00.223456789Z",
                        "ExitCode": 0,
                        "Output": "all is well",
                    },
                    {
                        "Start": "2026-01-02T03:05:30Z",
                        "End": "2026-01-02T03:05:31Z",
                        "ExitCode": 7,
                        "Output": f"refused {HOSTILE}",
                    },
                ],
            },
        },
        "Config": {
            "Image": "hello-naru:latest",
            "Env": ["PATH=/bin", "API_KEY=key-in-the-clear", "DB_PASSWORD=quay-side-lantern"],
            "Cmd": ["--port", "80"],
            "Entrypoint": ["/bin/serve"],
            "User": "1000:1000",
            "WorkingDir": "/srv",
            "Labels": {"team": "night"},
            "ExposedPorts": {"80/tcp": {}, "9000/udp": {}},
            "Healthcheck": {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 5_000_000_000, "Retries": 3},
            **config,
        },
        "HostConfig": {
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            "Memory": 64 << 20,
            "NanoCpus": 500_000_000,
            "PidsLimit": 100,
            "CapAdd": ["NET_ADMIN"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "NetworkMode": "shop-net",
            "Dns": ["192.0.2.53"],
            "Tmpfs": {"/run": "size=1m"},
        },
        "Mounts": [
            {
                "Type": "volume",
                "Name": "pages",
                "Source": "/var/lib/volumes/pages",
                "Destination": "/srv/pages",
                "Driver": "local",
                "Mode": "z",
                "RW": True,
            },
            {"Type": "bind", "Source": "/etc/site", "Destination": "/etc/site", "Mode": "", "RW": False},
        ],
        "NetworkSettings": {
            "Networks": {
                "shop-net": {
                    "NetworkID": "ab" * 32,
                    "IPAddress": "172.30.0.2",
                    "IPPrefixLen": 16,
                    "Gateway": "172.30.0.1",
                    "GlobalIPv6Address": "",
                    "MacAddress": "02:42:ac:1e:00:02",
                    "Aliases": ["web"],
                }
            }
        },
    }
