"""A Debian package with maintainer scripts that do what such scripts do, and a repository that holds it."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

NAME = "naru-sample"
_CONTROL = f"""\
Package: {NAME}
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: owners, bits and capabilities of files, a user, a service that is not there
"""
_POSTINST = """\
#!/bin/sh
set -e
useradd --system --no-create-home --shell /usr/sbin/nologin sampled
install -d -o sampled -g adm -m 2750 /var/lib/sample
cp /bin/true /opt/sample/service
chown sampled:65534 /opt/sample/program
chmod 4755 /opt/sample/program
setcap cap_net_bind_service,cap_net_raw+ep /opt/sample/service
dpkg-statoverride --add --update sampled adm 0640 /opt/sample/configuration
update-alternatives --install /usr/bin/sample sample /opt/sample/program 10
"""
_PRERM = """\
#!/bin/sh
set -e
rm /opt/sample/service
update-alternatives --remove sample /opt/sample/program
dpkg-statoverride --remove /opt/sample/configuration
userdel sampled
"""


def make_repository(directory: Path) -> bytes:
    """As an archive to unpack at /: ``repository/`` with the package and apt's index of it."""
    tree = directory / "tree"
    for name, text, mode in (
        ("DEBIAN/control", _CONTROL, 0o644),
        ("DEBIAN/postinst", _POSTINST, 0o755),
        ("DEBIAN/prerm", _PRERM, 0o755),
        ("opt/sample/program", "#!/bin/sh\nid -un\n", 0o755),
        ("opt/sample/configuration", "", 0o644),
    ):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    package = directory / f"{NAME}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(package)], check=True, capture_output=True
    )
    data = package.read_bytes()
    index = f"{_CONTROL}Filename: ./{NAME}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in ((f"{NAME}.deb", data), ("Packages", index.encode())):
            entry = tarfile.TarInfo(f"repository/{name}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()
