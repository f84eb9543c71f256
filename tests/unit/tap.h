/* tap.h - a test's lines, for the unit tests. */
#ifndef TANDEM_TAP_H
#define TANDEM_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tests, failures;

__attribute__((format(printf, 2, 3))) static void ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	failures += !good;
	fflush(stdout);
}

/* The plan, after the last test; the status to end with. */
static int tap_end(void)
{
	printf("1..%d\n", tests);
	return failures != 0;
}

#endif
