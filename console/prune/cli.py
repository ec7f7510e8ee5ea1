"""The docker commands that come closest to what the page does. Pure."""


def prune_commands(days: int) -> str:
    until = f'--filter "until={24 * days}h"'
    return f"docker image prune --all {until}\ndocker container prune {until}\ndocker builder prune {until}"
