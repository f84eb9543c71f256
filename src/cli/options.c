/* options.c - see cli.h. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

_Noreturn void usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	die("%s: %s (tandem %s --help tells more)", command, text, command);
}

/* getopt says in one line what is wrong, beginning with argv[0]; argp's second line is not wanted. */
static error_t quiet_parser(int key, char *arg, struct argp_state *state)
{
	static FILE *nowhere;

	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (nowhere)
		state->err_stream = nowhere;
	state->child_inputs[0] = state->input;
	return 0;
}

void parse_options(const struct argp *argp, int argc, char **argv, int *ret_rest, void *input)
{
	const struct argp_child child[] = {{argp, 0, NULL, 0}, {0}};
	const struct argp outer = {NULL, quiet_parser, NULL, NULL, child, NULL, NULL};

	argv[0] = xasprintf("tandem %s", argv[0]);
	argp_err_exit_status = EXIT_TANDEM;
	argp_parse(&outer, argc, argv, ARGP_IN_ORDER, ret_rest, input);
}

unsigned parse_sources(const char *list)
{
	unsigned bits = 0;

	if (!*list)
		die("--expose: no source was named");
	while (*list) {
		size_t n = strcspn(list, ",");
		const struct source_name *s = source_names;

		while (s->name && (strlen(s->name) != n || strncmp(s->name, list, n)))
			s++;
		if (!s->name) {
			struct buf known = {0};

			for (s = source_names; s->name; s++)
				buf_printf(&known, "%s%s", s == source_names ? "" : ", ", s->name);
			die("--expose: no source is called '%.*s'; there are %s", (int)n, list, known.at);
		}
		bits |= s->bit;
		list += n + (list[n] == ',');
	}
	return bits;
}

uint64_t parse_time(const char *text, const char *option)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || v < 0 || v > 1e9)
		die("%s: '%s' is not a time", option, text);
	if (!strcmp(end, "ms"))
		v /= 1e3;
	else if (!strcmp(end, "us"))
		v /= 1e6;
	else if (*end && strcmp(end, "s"))
		die("%s: '%s' is not a time: seconds, or with s, ms, us", option, text);
	return v * 1e9;
}

uint64_t parse_size(const char *text, const char *option)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);
	int shift = 0;

	if (end == text || *text == '-')
		die("%s: '%s' is not a size", option, text);
	if (*end == 'K' || *end == 'k')
		shift = 10, end++;
	else if (*end == 'M')
		shift = 20, end++;
	else if (*end == 'G')
		shift = 30, end++;
	if (*end)
		die("%s: '%s' is not a size: bytes, or with K, M, G", option, text);
	if (v > (uint64_t)INT64_MAX >> shift)
		die("%s: '%s' is more than there can be", option, text);
	return v << shift;
}

int parse_number(const char *text, const char *command, const char *option, long min, long max)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (end == text || *end || v < min || v > max)
		usage_error(command, "%s takes a number from %ld to %ld, not '%s'", option, min, max, text);
	return v;
}

uint64_t parse_event(const char *text, const char *command, const char *option)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);

	if (end == text || *end || *text == '-' || !v)
		usage_error(command, "%s takes a number from 1, not '%s'", option, text);
	return v;
}

void parse_stack(const char *text, struct config *cfg)
{
	cfg->stack = min_of(parse_size(text, "--stack"), (uint64_t)1 << 20) & ~7u;
}

void parse_ring(const char *text, const char *command, struct config *cfg)
{
	cfg->ring_size = parse_size(text, "--ring");
	if (cfg->ring_size < 1 << 20 || cfg->ring_size > 8ull << 30)
		usage_error(command, "--ring takes a size from 1M to 8G, not '%s'", text);
}

void parse_chaos(const char *text, const char *command, struct config *cfg)
{
	char *end = NULL;

	cfg->chaos = true;
	cfg->chaos_seed = text ? strtoull(text, &end, 0) : (uint32_t)(now_wall() ^ getpid());
	if (text && (end == text || *end || *text == '-'))
		usage_error(command, "--chaos takes a number, not '%s'", text);
}

void parse_fault(const char *text, struct config *cfg)
{
	char *copy = xstrdup(text), *at = strchr(copy, ':'), *rest;

	if (!at)
		die("--fault: '%s' is neither lag:MAX,SEED nor stop:TIME@EVENT", text);
	*at++ = 0;
	if (!strcmp(copy, "lag")) {
		cfg->fault = FAULT_LAG;
		if ((rest = strchr(at, ',')))
			*rest++ = 0;
		cfg->fault_ns = parse_time(at, "--fault");
		cfg->fault_seed = rest ? strtoull(rest, NULL, 0) : 1;
		if (!cfg->fault_ns)
			cfg->fault = FAULT_NONE;
	} else if (!strcmp(copy, "stop")) {
		cfg->fault = FAULT_STOP;
		if (!(rest = strchr(at, '@')))
			die("--fault: stop:TIME@EVENT needs an event's number");
		*rest++ = 0;
		cfg->fault_ns = parse_time(at, "--fault");
		cfg->fault_event = strtoull(rest, NULL, 0);
	} else {
		die("--fault: '%s' is neither lag:MAX,SEED nor stop:TIME@EVENT", text);
	}
	free(copy);
}
