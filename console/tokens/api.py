"""Tokens are made and revoked by people who are signed in; a token can do neither."""

from django.http import HttpRequest
from ninja import Path, Query, Router

from console.rest.door import actor_of
from console.rest.schemas import Listing, Number, Paging, listing
from console.tokens import operations
from console.tokens.queries import own_tokens, tokens_of
from console.tokens.schemas import TokenGiven, TokenMade, TokenShown

router = Router()


@router.get("tokens", response=Listing[TokenShown])
def list_tokens(request: HttpRequest, wanted: Query[Paging]) -> Listing[TokenShown]:
    """Your own, newest first."""
    return listing(own_tokens(actor_of(request)), wanted, by="-created_at", show=TokenShown.of)


@router.post("tokens", response={201: TokenMade})
def make_token(request: HttpRequest, given: TokenGiven) -> TokenMade:
    """One of your own. Asks for a proof; never by a token."""
    issued = operations.make_token(actor_of(request), **given.model_dump())
    return TokenMade(**TokenShown.of(issued.token).model_dump(), token=issued.text)


@router.delete("tokens/{token_id}", response={204: None})
def revoke_token(request: HttpRequest, token_id: Path[Number]) -> None:
    """One of your own, at once and for good. Never by a token."""
    operations.revoke_token(actor_of(request), token_id)


@router.get("people/{person_id}/tokens", response=Listing[TokenShown])
def list_tokens_of(request: HttpRequest, person_id: Path[Number], wanted: Query[Paging]) -> Listing[TokenShown]:
    """Somebody else's. Never by a token."""
    return listing(tokens_of(actor_of(request), person_id), wanted, by="-created_at", show=TokenShown.of)


@router.delete("people/{person_id}/tokens/{token_id}", response={204: None})
def revoke_token_of(request: HttpRequest, person_id: Path[Number], token_id: Path[Number]) -> None:
    """Somebody else's. Asks for a proof; never by a token."""
    operations.revoke_token_of(actor_of(request), person_id, token_id)
