"""Which lines go where, by version of Open WebUI.

The anchors are lines of the host's settings dialog and, where the host keeps an admin's settings on
pages of their own, of those. They name no text and no picture of the host's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mai_usage_ext.frontend_patch.blocks import Block

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Paths are relative to the folder that holds ``package.json``."""

    edits: Mapping[str, tuple[Block, ...]]
    files: Mapping[str, str]
    """Files that are ours alone, by path."""


_DIALOG = "src/lib/components/chat/SettingsModal.svelte"
_ADMIN_PAGE = "src/lib/components/admin/Settings.svelte"
_ADMIN_ICONS = "src/lib/components/admin/Settings/AdminTabIcon.svelte"
_PERSONAL = "src/lib/components/chat/Settings/OrganizationUsage.svelte"
_ADMIN = "src/lib/components/admin/Settings/UsageBilling.svelte"

# The span lets the host's focus trap, which sees no elements in shadow roots, end behind ours.
_COMPONENT = """\
<!-- Made by mai-usage frontend-patch, which takes it out again with --revert. -->
<script lang="ts">
	import { WEBUI_API_BASE_URL } from '$lib/constants';

	const address = `${WEBUI_API_BASE_URL}/client_organizations/ui/modules/%(module)s.js`;
	const loaded = import(/* @vite-ignore */ address);
</script>

<div class="h-full max-h-full overflow-y-auto">
	{#await loaded then}
		<%(element)s></%(element)s>
	{:catch error}
		<div role="alert">{error.message}</div>
	{/await}
	<!-- svelte-ignore a11y-no-noninteractive-tabindex -->
	<span tabindex="0"></span>
</div>
"""

_FILES: Final = {
    _PERSONAL: _COMPONENT % {"module": "organization-usage", "element": "mai-organization-usage"},
    _ADMIN: _COMPONENT % {"module": "admin", "element": "mai-usage-admin"},
}

_PERSONAL_IMPORT: Final = ("import OrganizationUsage from './Settings/OrganizationUsage.svelte';",)
_PERSONAL_PANEL: Final = (
    "{:else if selectedTab === 'organization-usage'}",
    "\t<OrganizationUsage />",
)
_BARS: Final = "M4 20V10m5.3 10V4m5.4 16v-7M20 20V7"
_RECEIPT: Final = "M6 3h12v18l-3-2-3 2-3-2-3 2V3m3.5 5h5m-5 4h5"


def _icon(drawing: str, *, size: str) -> tuple[str, ...]:
    return (
        f'<svg aria-hidden="true" viewBox="0 0 24 24" fill="none" class={size}>',
        f'\t<path stroke="currentColor" stroke-width="2" stroke-linecap="round" d="{drawing}" />',
        "</svg>",
    )


def _indented(lines: tuple[str, ...], tabs: int) -> tuple[str, ...]:
    return tuple("\t" * tabs + line for line in lines)


# 0.12.4: all tabs in one dialog; each is an entry and a group, and a personal one has its button.

_DIALOG_0_12: Final = (
    Block(
        anchor=("import Usage from './Settings/Usage.svelte';",),
        lines=(
            *_PERSONAL_IMPORT,
            "import UsageBilling from '$lib/components/admin/Settings/UsageBilling.svelte';",
        ),
        kind="script",
        where="after",
    ),
    Block(
        anchor=("usage: $i18n.t('Data'),",),
        lines=("'organization-usage': $i18n.t('Data'),",),
        kind="script",
        where="after",
    ),
    Block(
        anchor=("'admin:analytics': $i18n.t('Quality'),",),
        lines=("'admin:organization-usage': $i18n.t('Quality'),",),
        kind="script",
        where="after",
    ),
    Block(
        anchor=("{", "id: 'archived_chats',"),
        lines=(
            "{",
            "\tid: 'organization-usage',",
            "\ttitleKey: 'Organization usage',",
            "\ttitle: $i18n.t('Organization usage'),",
            "\tsearchPrefixes: []",
            "},",
        ),
        kind="script",
    ),
    Block(
        anchor=("{", "id: 'admin:evaluations',"),
        lines=(
            "{",
            "\tid: 'admin:organization-usage',",
            "\ttitleKey: 'Usage & billing',",
            "\ttitle: $i18n.t('Usage & billing'),",
            "\tsearchPrefixes: []",
            "},",
        ),
        kind="script",
    ),
    Block(
        anchor=("{:else if tabId === 'archived_chats'}",),
        lines=(
            "{:else if tabId === 'organization-usage'}",
            "\t<button",
            '\t\trole="tab"',
            '\t\tdata-mai-usage="organization-usage"',
            '\t\taria-controls="tab-organization-usage"',
            "\t\taria-selected={selectedTab === tabId}",
            "\t\tclass={tabButtonClass(selectedTab === tabId)}",
            "\t\ton:click={() => selectTab(tabId)}",
            "\t>",
            *_indented(_icon(_BARS, size='"size-3.5"'), 2),
            "\t\t<span>{$i18n.t('Organization usage')}</span>",
            "\t</button>",
        ),
        kind="markup",
    ),
    Block(
        anchor=("{:else if selectedTab === 'archived_chats'}",),
        lines=(
            *_PERSONAL_PANEL,
            "{:else if selectedTab === 'admin:organization-usage'}",
            "\t<UsageBilling />",
        ),
        kind="markup",
    ),
)

_ICONS_0_12: Final = (
    Block(
        anchor=("{:else if id === 'db'}",),
        lines=(
            "{:else if id === 'organization-usage'}",
            *_indented(_icon(_RECEIPT, size="{className}"), 1),
        ),
        kind="markup",
    ),
)

# 0.6: an admin's settings are a page; a tab is an entry of a list, a button and a branch.

_IDLE: Final = "text-gray-300 dark:text-gray-600 hover:text-gray-700 dark:hover:text-white"
_TAB_CLASS: Final = "px-0.5 py-1 min-w-fit rounded-lg flex-1 md:flex-none flex text-left transition"


def _tab_0_6(*, label: str, drawing: str, attributes: tuple[str, ...]) -> tuple[str, ...]:
    return (
        "<button",
        *_indented(attributes, 1),
        f"\tclass=\"{_TAB_CLASS} {{selectedTab === 'organization-usage'",
        "\t\t? ''",
        f"\t\t: '{_IDLE}'}}\"",
        ">",
        '\t<div class="self-center mr-2">',
        *_indented(_icon(drawing, size='"size-4"'), 2),
        "\t</div>",
        f"\t<div class=\"self-center\">{{$i18n.t('{label}')}}</div>",
        "</button>",
    )


_DIALOG_0_6: Final = (
    Block(
        anchor=("import Tools from './Settings/Tools.svelte';",),
        lines=_PERSONAL_IMPORT,
        kind="script",
        where="after",
    ),
    Block(
        anchor=("{", "id: 'account',"),
        lines=(
            "{",
            "\tid: 'organization-usage',",
            "\ttitle: 'Organization usage',",
            "\tkeywords: ['billing', 'budget', 'cost', 'limit', 'spending', 'tokens']",
            "},",
        ),
        kind="script",
    ),
    Block(
        anchor=("{:else if tabId === 'account'}",),
        lines=(
            "{:else if tabId === 'organization-usage'}",
            *_indented(
                _tab_0_6(
                    label="Organization usage",
                    drawing=_BARS,
                    attributes=(
                        'role="tab"',
                        'data-mai-usage="organization-usage"',
                        'aria-controls="tab-organization-usage"',
                        "aria-selected={selectedTab === 'organization-usage'}",
                        "on:click={() => {",
                        "\tselectedTab = 'organization-usage';",
                        "}}",
                    ),
                ),
                1,
            ),
        ),
        kind="markup",
    ),
    Block(
        anchor=("{:else if selectedTab === 'account'}",),
        lines=_PERSONAL_PANEL,
        kind="markup",
    ),
)

_ADMIN_PAGE_0_6: Final = (
    Block(
        anchor=("import Tools from './Settings/Tools.svelte';",),
        lines=("import UsageBilling from './Settings/UsageBilling.svelte';",),
        kind="script",
        where="after",
    ),
    Block(
        anchor=("'pipelines',", "'db'"),
        lines=("'organization-usage',",),
        kind="script",
    ),
    Block(
        anchor=("<button", 'id="db"'),
        lines=_tab_0_6(
            label="Usage & billing",
            drawing=_RECEIPT,
            attributes=(
                'id="organization-usage"',
                'data-mai-usage="admin"',
                "on:click={() => {",
                "\tgoto('/admin/settings/organization-usage');",
                "}}",
            ),
        ),
        kind="markup",
    ),
    Block(
        anchor=("{:else if selectedTab === 'db'}",),
        lines=("{:else if selectedTab === 'organization-usage'}", "\t<UsageBilling />"),
        kind="markup",
    ),
)

_OLDER: Final = Recipe(edits={_DIALOG: _DIALOG_0_6, _ADMIN_PAGE: _ADMIN_PAGE_0_6}, files=_FILES)

RECIPES: Final[Mapping[str, Recipe]] = {
    "0.6.17": _OLDER,
    "0.6.18": _OLDER,
    "0.12.4": Recipe(edits={_DIALOG: _DIALOG_0_12, _ADMIN_ICONS: _ICONS_0_12}, files=_FILES),
}
