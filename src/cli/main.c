/* main.c - a table of subcommands. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{"run",    cmd_run,    "run several copies or versions of a program as one"},
	{"record", cmd_record, "record a run of a program"},
	{"replay", cmd_replay, "run a recorded program, or another build of it, again"},
	{"show",   cmd_show,   "show what is in a recording"},
	{"diff",   cmd_diff,   "compare two recordings"},
	{"why",    cmd_why,    "find out what makes two runs of a program differ"},
	{"trace",  cmd_trace,  "show the calls of a program, also those that are none"},
	{"doctor", cmd_doctor, "what this machine allows, and what follows from it"},
	{NULL, NULL, NULL}
};

static void help(FILE *out)
{
	fprintf(out, "Usage: tandem COMMAND [OPTION...] -- PROGRAM [ARG...]\n\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-8s %s\n", c->name, c->what);
	fprintf(out, "\n`tandem COMMAND --help' lists the options of a command; tandem(1) tells the rest.\n");
}

/* What a caller has closed stays closed for the program, but no descriptor of tandem's own may take its place. */
static void hold_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	hold_stdio();
	if (argc < 2) {
		help(stderr);
		return EXIT_TANDEM;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("tandem %s\n", TANDEM_VERSION);
		return 0;
	}
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
	die("there is no command '%s' (tandem --help lists them)", argv[1]);
}
