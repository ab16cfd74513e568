"""The form of the places for addresses and networks from which http2sms takes an API user."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.layout import Div
from django import forms
from django.http import QueryDict
from django.utils.text import format_lazy, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.layout import laid_out
from sms_accounts.models.api_user import MOST_RESTRICTIONS

Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")
_NAMES = [f"restriction_{number}" for number in range(1, MOST_RESTRICTIONS + 1)]
SHUT_OUT = "shut_out"


class RestrictionsForm(forms.Form):
    """Up to five networks; when it is valid, `networks()` returns them as they are stored.

    `in_use` are addresses that http2sms accepted lately. A list that would refuse one of them
    is valid only with a tick at a question that names them, or where nobody is refused.
    """

    observed = forms.BooleanField(
        label=gettext_lazy("Observe only: refuse nobody, list who would be refused"),
        required=False,
        help_text=gettext_lazy("To try a list out before it refuses calls."),
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        stored: Sequence[str],
        observed: bool,
        in_use: Iterable[str],
    ) -> None:
        shown = [_shown(ipaddress.ip_network(network)) for network in stored]
        initial = {"observed": observed, **dict(zip(_NAMES, shown, strict=False))}
        super().__init__(data, initial=initial)
        for number, name in enumerate(_NAMES, start=1):
            self.fields[name] = forms.CharField(
                label=format_lazy(gettext_lazy("Restriction no. {number}"), number=number),
                required=False,
                max_length=80,
                widget=forms.TextInput(
                    attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}
                ),
            )
        self._in_use = list(in_use)
        self._question = Div()
        self.helper = laid_out(
            *_NAMES, Switch("observed"), self._question, css_class="restrictions-form"
        )

    def networks(self) -> list[str]:
        """Return what was typed, without the empty places, in canonical form."""
        return [str(network) for _name, network in self._typed()]

    def clean(self) -> dict[str, Any]:
        for name in _NAMES:
            self._clean_place(name)
        self._refuse_overlaps()
        self._refuse_to_observe_nothing()
        if not self.errors and not self.cleaned_data["observed"]:
            self._ask_before_shutting_out()
        return self.cleaned_data

    def _clean_place(self, name: str) -> None:
        typed = self.cleaned_data.get(name)
        if not typed:
            return
        try:
            self.cleaned_data[name] = parse(typed)
        except ValueError:
            self.add_error(
                name,
                _(
                    "Enter an IPv4 or IPv6 address or a network, such as 192.0.2.7, 2001:db8::7 "
                    "or 192.0.2.0/24."
                ),
            )

    def _typed(self) -> Iterator[tuple[str, Network]]:
        for name in _NAMES:
            network = self.cleaned_data.get(name)
            if network:
                yield name, network

    def _refuse_overlaps(self) -> None:
        earlier: list[tuple[str, Network]] = []
        for name, network in list(self._typed()):
            for other_name, other in earlier:
                number = other_name.removeprefix("restriction_")
                if network == other:
                    self.add_error(
                        name,
                        _("%(network)s is already restriction no. %(number)s.")
                        % {"network": _shown(network), "number": number},
                    )
                    break
                if network.overlaps(other):
                    self.add_error(name, _overlap(network, other, number))
                    break
            else:
                earlier.append((name, network))

    def _refuse_to_observe_nothing(self) -> None:
        if self.errors or any(self._typed()):
            return
        # Whoever empties the places of a list that was observed means that there be no list.
        if self.cleaned_data["observed"] and not self.initial["observed"]:
            self.add_error(
                "observed",
                _("Enter an address or a network above: without any, no call is from elsewhere."),
            )

    def _ask_before_shutting_out(self) -> None:
        networks = [network for _name, network in self._typed()]
        if not networks:
            return
        out = [address for address in self._in_use if not _is_in(address, networks)]
        if not out:
            return
        # The answer names the addresses: a tick for others is no answer for these.
        answer = ",".join(out)
        self.fields[SHUT_OUT] = forms.MultipleChoiceField(
            label=_("Addresses in use"),
            required=False,
            choices=[
                (
                    answer,
                    _("Shut out %(addresses)s all the same")
                    % {"addresses": get_text_list(out, _("and"))},
                )
            ],
            widget=forms.CheckboxSelectMultiple,
        )
        self._question.fields.append(SHUT_OUT)
        if self.data.get(SHUT_OUT) != answer:
            self.add_error(
                SHUT_OUT,
                _(
                    "http2sms accepted %(addresses)s in the last 7 days, and would refuse such "
                    "calls from now on. Add what is missing above, or tick the box and confirm "
                    "again."
                )
                % {"addresses": get_text_list(out, _("and"))},
            )


def parse(typed: str) -> Network:
    """Return the network that an address or network stands for; raises ValueError.

    Bits behind the prefix are dropped, and an IPv4 address in the clothes of an IPv6 one is
    taken for what it is: callers arrive under their IPv4 address.
    """
    if "%" in typed:
        raise ValueError("a zone names an interface of one machine")
    network = ipaddress.ip_network(typed.strip().removeprefix("[").removesuffix("]"), strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        first = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((first, network.prefixlen - 96))
    return network


def _shown(network: Network) -> str:
    """Return a network as people write it: one address without its prefix length."""
    return str(network.network_address if network.num_addresses == 1 else network)


def _is_in(address: str, networks: Iterable[Network]) -> bool:
    return any(ipaddress.ip_address(address) in network for network in networks)


def _overlap(network: Network, other: Network, number: str) -> str:
    values = {"network": _shown(network), "other": _shown(other), "number": number}
    if network.prefixlen > other.prefixlen:
        return (
            _("%(network)s is already within %(other)s, restriction no. %(number)s. Leave it out.")
            % values
        )
    return (
        _(
            "%(network)s holds %(other)s, restriction no. %(number)s, already. Leave one of the "
            "two out."
        )
        % values
    )
