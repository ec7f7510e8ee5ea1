"""The JSON API, put together: every app's handlers behind one door."""

from console.access.api import grants, roles, teams
from console.accounts.api import router as people
from console.audit.api import router as audit
from console.blueprints.api import router as blueprints
from console.capsules.api import capsules, environments
from console.containers.api import router as containers
from console.containers.detail_api import router as container_details
from console.dashboard.api import router as search
from console.files.api import router as files
from console.hosts.api import router as hosts
from console.hub.api import router as registries
from console.images.api import builds, images
from console.jobs.api import router as jobs
from console.logs.api import router as logs
from console.networks.api import router as networks
from console.notifications.api import router as notifications
from console.origins.api import router as origins
from console.prune.api import router as prune
from console.rest.api import Api
from console.schedules.api import router as schedules
from console.secrets.api import router as secrets
from console.shares.api import router as shares
from console.stacks.api import router as stacks
from console.stats.api import router as stats
from console.terminals.api import router as terminals
from console.timeline.api import router as timeline
from console.tokens.api import router as tokens
from console.tokens.bearer import TokenBearers
from console.volumes.api import backups, volumes
from console.workspaces.api import router as workspaces

api = Api(
    bearers=TokenBearers(),
    routers={
        "containers": containers,
        "container details": container_details,
        "timeline": timeline,
        "terminals": terminals,
        "files": files,
        "logs": logs,
        "images": images,
        "builds": builds,
        "registries": registries,
        "networks": networks,
        "volumes": volumes,
        "backups": backups,
        "jobs": jobs,
        # before stacks: "git" is no number of one
        "repositories of stacks": origins,
        "templates of stacks": blueprints,
        "stacks": stacks,
        "environments": environments,
        "capsules": capsules,
        "schedules": schedules,
        "shares": shares,
        "search": search,
        "secrets": secrets,
        "alerts": notifications,
        "hosts": hosts,
        "prune": prune,
        "stats": stats,
        "workspaces": workspaces,
        "teams": teams,
        "roles": roles,
        "grants": grants,
        "people": people,
        "tokens": tokens,
        "audit": audit,
    },
)
