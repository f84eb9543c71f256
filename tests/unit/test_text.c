/* test_text.c - text for people and JSON out of whatever bytes there are. TAP. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tap.h"

static void is_shown(const char *what, const char *bytes, const char *want)
{
	char *got = text_printable(bytes);

	ok(!strcmp(got, want), "%s: %s", what, got);
	free(got);
}

int main(void)
{
	is_shown("nothing", "", "");
	is_shown("text", "plain text\nin lines", "plain text\nin lines");
	is_shown("UTF-8", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xb2", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xb2");
	is_shown("another character set", "caf\xe9", "caf\\xe9");
	is_shown("half a character", "\xe2\x82", "\\xe2\\x82");
	is_shown("too long a form", "\xc0\xaf\xe0\x80\xaf", "\\xc0\\xaf\\xe0\\x80\\xaf");
	is_shown("half a pair", "\xed\xa0\x80", "\\xed\\xa0\\x80");
	is_shown("beyond the last", "\xf4\x90\x80\x80\xff", "\\xf4\\x90\\x80\\x80\\xff");
	is_shown("a terminal's commands", "\x1b[2J\x7f\xc2\x9b", "\\x1b[2J\\x7f\\xc2\\x9b");
	return tap_end();
}
