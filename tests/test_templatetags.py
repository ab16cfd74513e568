from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.paginator import Paginator
from django.template import Context, RequestContext, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone, translation

from sms_accounts.templatetags import panel

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def rendered(source, **context):
    return Template("{% load panel %}" + source).render(Context(context))


class TestMarked:
    def test_makes_a_whole_word_stand_out_and_nothing_else(self):
        drawn = rendered(
            '{{ text|marked:"PASSWORD" }}', text="SMS_PASSWORD or <PASSWORD> & PASSWORDS"
        )

        assert drawn == "SMS_PASSWORD or &lt;<mark>PASSWORD</mark>&gt; &amp; PASSWORDS"


class TestIcon:
    def test_is_drawn_inline_in_the_colour_of_the_text(self):
        drawing = rendered('{% icon "gear" %}')

        assert drawing.startswith("<svg")
        assert 'class="icon" aria-hidden="true"' in drawing
        assert 'fill="currentColor"' in drawing

    def test_that_is_not_vendored_is_an_error_that_names_it(self):
        with pytest.raises(LookupError, match="no-such-icon"):
            panel.icon("no-such-icon")

    def test_is_read_from_disk_once(self):
        panel.icon.cache_clear()

        panel.icon("gear")
        panel.icon("gear")

        assert panel.icon.cache_info().hits == 1


class TestCredits:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (Decimal("0"), "0.00"),
            (Decimal("7.5"), "7.50"),
            (Decimal("-0.05"), "-0.05"),
            (Decimal("1234567.891"), "1,234,567.89"),
            (Decimal("1E+3"), "1,000.00"),
            (12, "12.00"),
            (None, ""),
        ],
    )
    def test_have_two_places_and_groups(self, value, shown):
        assert panel.shown_credits(value) == shown

    def test_are_never_rounded_up(self):
        # A purse of 0.996 does not hold 1.00.
        assert panel.shown_credits(Decimal("0.996")) == "0.99"

    def test_are_written_as_the_language_writes_them(self):
        with translation.override("fr"):
            assert panel.shown_credits(Decimal("1234.5")) == "1\xa0234,50"

    def test_are_a_filter_of_that_name(self):
        assert rendered("{{ left|credits }}", left=Decimal("50")) == "50.00"


class TestNumber:
    def test_is_grouped(self):
        assert panel.number(10_000) == "10,000"

    def test_is_nothing_for_none(self):
        assert panel.number(None) == ""


class TestMoment:
    @pytest.fixture(autouse=True)
    def _frozen(self):
        with time_machine.travel(NOW, tick=False):
            yield

    @pytest.mark.parametrize(
        ("distance", "shown"),
        [
            (timedelta(), "just now"),
            (timedelta(seconds=59), "just now"),
            (timedelta(seconds=-5), "in a moment"),
            (timedelta(seconds=60), "1\xa0minute ago"),
            (timedelta(minutes=3, seconds=50), "3\xa0minutes ago"),
            (timedelta(days=2, hours=5), "2\xa0days ago"),
            (timedelta(minutes=-10), "in 10\xa0minutes"),
            (timedelta(days=31), "Feb. 11, 2026"),
        ],
    )
    def test_is_told_from_now(self, distance, shown):
        assert f">{shown}</time>" in panel.moment(NOW - distance)

    def test_is_exact_in_the_current_zone_on_hover(self):
        with timezone.override(ZoneInfo("Europe/Paris")):
            shown = panel.moment(NOW)

        assert 'title="2026-03-14 13:00:00 CET"' in shown
        assert 'datetime="2026-03-14T13:00:00+01:00"' in shown

    def test_that_never_was_is_nothing(self):
        assert rendered('{{ at|moment|default:"Never" }}', at=None) == "Never"


class TestShareBar:
    @pytest.mark.parametrize(
        ("part", "rest", "width"), [(50, 150, 25), (0, 0, 0), (0, 5, 0), (5, 0, 100), (-5, 10, 0)]
    )
    def test_is_filled_by_the_share(self, part, rest, width):
        bar = panel.share_bar(part=Decimal(part), rest=Decimal(rest))

        assert f'class="share-part" width="{width}"' in bar


class TestSortHeader:
    def drawn(self, query="", **context):
        request = RequestFactory().get(f"/?{query}")
        source = '{% load panel %}{% sort_header "login" "ID" %}'
        return Template(source).render(RequestContext(request, context))

    def test_sorts_from_the_start_first(self):
        head = self.drawn(sort="quota")

        assert 'href="?sort=login"' in head
        assert "aria-sort" not in head

    def test_turns_round_when_sorted_by_already(self):
        head = self.drawn(sort="login")

        assert 'href="?sort=-login"' in head
        assert 'aria-sort="ascending"' in head

    def test_turns_back_when_turned_round(self):
        head = self.drawn(sort="-login")

        assert 'href="?sort=login"' in head
        assert 'aria-sort="descending"' in head

    def test_keeps_the_search_and_goes_to_the_first_page(self):
        head = self.drawn("q=bill&page=4&sort=quota", sort="quota")

        assert 'href="?q=bill&amp;sort=login"' in head


class TestPagination:
    def drawn(self, rows, *, number):
        return render_to_string(
            "components/pagination.html",
            {"page_obj": Paginator(range(rows), 50).get_page(number)},
            request=RequestFactory().get("/?q=bill&page=2"),
        )

    def test_links_to_both_sides_and_keeps_the_search(self):
        bar = self.drawn(10_000, number=3)

        assert "101–150 of 10,000" in bar
        assert 'href="?q=bill&amp;page=1"' in bar
        assert 'href="?q=bill&amp;page=2"' in bar
        assert 'href="?q=bill&amp;page=4"' in bar
        assert 'href="?q=bill&amp;page=200"' in bar

    def test_has_no_links_when_all_fits(self):
        bar = self.drawn(3, number=1)

        assert "1–3 of 3" in bar
        assert "href" not in bar

    def test_is_nothing_without_rows(self):
        assert self.drawn(0, number=1).strip() == ""


class TestAccountHeader:
    def test_shows_both_figures_and_marks_the_tab(self):
        drawn = render_to_string(
            "components/account_header.html",
            {
                "account": SimpleNamespace(name="sms-ab12345-1", description=""),
                "credits_left": Decimal(50),
                "credits_held": Decimal(150),
                "tabs": [
                    SimpleNamespace(url="/a", label="API users", is_current=True),
                    SimpleNamespace(url="/b", label="Messages", is_current=False),
                ],
            },
        )

        header = " ".join(drawn.split())
        assert "<dt>Credits left</dt> <dd> 50.00 </dd>" in header
        assert "<dt>Held by quotas</dt> <dd> 150.00 </dd>" in header
        assert '<a href="/a" aria-current="page">API users</a>' in header
        assert header.count("aria-current") == 1
