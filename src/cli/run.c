/* run.c - `tandem run`. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "show/symbols.h"

enum {
	OPT_WITH = 256, OPT_WITH_CMD, OPT_ENV, OPT_EXPOSE, OPT_REPORT, OPT_DIVERGENCE_EXIT, OPT_ON_DIVERGENCE,
	OPT_WHEN_FULL, OPT_ENGINE, OPT_START, OPT_STACK, OPT_RING, OPT_FAULT, OPT_THREADS, OPT_CHAOS,
	OPT_STATS
};

struct run_options {
	struct config cfg;
	int copies;
	bool copies_given;
	struct other {
		char *exe;               /* --with: another executable, or NULL */
		char **argv;             /* --with-cmd: another command line, or NULL */
		char **env;              /* --env: settings on top of ours, NULL-terminated */
		int nenv;
	} other[8];
	int nother;
	const char *report;
	int divergence_exit;             /* -1: as the leader */
	bool verbose;
	bool stats;
};

static const struct argp_option options[] = {
	{NULL, 'n', "N", 0, "run N versions of the program (1 to 8; default 2)", 0},
	{"with", OPT_WITH, "EXE", 0, "add a version that runs EXE with the same arguments", 0},
	{"with-cmd", OPT_WITH_CMD, "COMMAND", 0, "add a version that runs another command line (quotes as in a shell)", 0},
	{"env", OPT_ENV, "NAME=VALUE", 0, "set a variable for the version of the last --with or --with-cmd", 0},
	{"expose", OPT_EXPOSE, "SOURCE[,...]", 0, "take shields away: vdso, pid, tsc, cpuid, rand, cpu, auxv, aslr, rseq, uninit, threads, signals, shm", 0},
	{"report", OPT_REPORT, "FILE", 0, "write the outcome as JSON", 0},
	{"divergence-exit", OPT_DIVERGENCE_EXIT, "N", 0, "end with status N when a version diverged", 0},
	{"on-divergence", OPT_ON_DIVERGENCE, "drop|kill|stop", 0, "let a version that diverges go (default), end the run, or stop that version for gdb", 0},
	{"when-full", OPT_WHEN_FULL, "wait|drop", 0, "when a follower is a whole stream behind: wait for it (default), or drop it", 0},
	{"engine", OPT_ENGINE, "ptrace", 0, "how calls are intercepted; ptrace is the only way yet", 0},
	{"start", OPT_START, "exec|main", 0, "match from the first instruction (default), or only from main on", 0},
	{"threads", OPT_THREADS, "serial", 0, "how tasks that share memory are ordered; serial, one at a time, is the only way yet", 0},
	{"chaos", OPT_CHAOS, "SEED", OPTION_ARG_OPTIONAL, "let the leader's tasks take turns in an order by chance, to find races", 0},
	{"stack", OPT_STACK, "SIZE", 0, "bytes of the stack that an event carries (default 4K)", 0},
	{"ring", OPT_RING, "SIZE", 0, "size of the stream (default 64M)", 0},
	{"fault", OPT_FAULT, "FAULT", 0, "for tests: lag:MAX,SEED or stop:TIME@EVENT hold followers back", 0},
	{"stats", OPT_STATS, NULL, 0, "at the end, print what was counted", 0},
	{"verbose", 'v', NULL, 0, "show progress", 0},
	{0}
};

/* One of two words; true for the second. */
static bool second_word(const char *text, const char *option, const char *a, const char *b)
{
	if (strcmp(text, a) && strcmp(text, b))
		usage_error("run", "%s takes %s or %s, not '%s'", option, a, b, text);
	return !strcmp(text, b);
}

static void on_divergence(struct config *cfg, const char *what)
{
	if (strcmp(what, "drop") && strcmp(what, "kill") && strcmp(what, "stop"))
		usage_error("run", "--on-divergence takes drop, kill or stop, not '%s'", what);
	cfg->kill_on_divergence = !strcmp(what, "kill");
	cfg->gdb_at_divergence = !strcmp(what, "stop");
}

static struct other *another(struct run_options *o)
{
	if (o->nother == 7)
		usage_error("run", "at most 8 versions");
	return &o->other[o->nother++];
}

static void add_env(struct run_options *o, char *setting)
{
	struct other *v;

	if (!o->nother)
		usage_error("run", "--env belongs behind the --with or --with-cmd that it is for");
	v = &o->other[o->nother - 1];
	if (!strchr(setting, '=') || setting[0] == '=')
		usage_error("run", "--env takes NAME=VALUE, not '%s'", setting);
	v->env = xrealloc(v->env, (v->nenv + 2) * sizeof(*v->env));
	v->env[v->nenv++] = setting;
	v->env[v->nenv] = NULL;
}

/* Blanks part words; '...', "..." and \\x keep them together. */
static char **split_words(const char *text)
{
	char **words = NULL, quote = 0;
	struct buf word = {0};
	bool any = false;
	int n = 0;

	for (const char *p = text;; p++) {
		if (!*p && quote)
			usage_error("run", "--with-cmd: a quote is not closed in '%s'", text);
		if (!*p || (!quote && (*p == ' ' || *p == '\t' || *p == '\n'))) {
			if (any) {
				words = xrealloc(words, (n + 2) * sizeof(*words));
				words[n++] = xstrdup(word.at ? word.at : "");
				words[n] = NULL;
			}
			buf_clear(&word);
			any = false;
			if (!*p)
				break;
			continue;
		}
		any = true;
		if (quote ? *p == quote : *p == '\'' || *p == '"')
			quote = quote ? 0 : *p;
		else if (*p == '\\' && quote != '\'' && p[1])
			buf_putc(&word, *++p);
		else
			buf_putc(&word, *p);
	}
	buf_free(&word);
	if (!n)
		usage_error("run", "--with-cmd: no command in '%s'", text);
	return words;
}

/* Our environment with a version's own settings. */
static char **environment(const struct other *v)
{
	extern char **environ;
	char **env;
	int n = 0;

	while (environ[n])
		n++;
	env = xcalloc(n + v->nenv + 1, sizeof(*env));
	memcpy(env, environ, n * sizeof(*env));
	for (int i = 0; i < v->nenv; i++) {
		size_t name = strcspn(v->env[i], "=") + 1;
		int k = 0;

		while (k < n && strncmp(env[k], v->env[i], name))
			k++;
		env[k] = v->env[i];
		n = max_of(n, k + 1);
	}
	return env;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case 'n':
		o->copies = parse_number(arg, "run", "-n", 1, 8);
		o->copies_given = true;
		break;
	case 'v': o->verbose = true; break;
	case OPT_STATS:    o->stats = true; break;
	case OPT_WITH:     another(o)->exe = arg; break;
	case OPT_WITH_CMD: another(o)->argv = split_words(arg); break;
	case OPT_ENV:      add_env(o, arg); break;
	case OPT_EXPOSE:          o->cfg.exposed |= parse_sources(arg); break;
	case OPT_REPORT:          o->report = arg; break;
	case OPT_DIVERGENCE_EXIT: o->divergence_exit = parse_number(arg, "run", "--divergence-exit", 0, 255); break;
	case OPT_ON_DIVERGENCE:   on_divergence(&o->cfg, arg); break;
	case OPT_WHEN_FULL:       o->cfg.drop_when_full = second_word(arg, "--when-full", "wait", "drop"); break;
	case OPT_START:           o->cfg.start_main = second_word(arg, "--start", "exec", "main"); break;
	case OPT_STACK:           parse_stack(arg, &o->cfg); break;
	case OPT_RING:            parse_ring(arg, "run", &o->cfg); break;
	case OPT_FAULT:           parse_fault(arg, &o->cfg); break;
	case OPT_THREADS:
		if (strcmp(arg, "serial"))
			usage_error("run", "--threads: serial is the only one yet, not '%s'", arg);
		break;
	case OPT_CHAOS:           parse_chaos(arg, "run", &o->cfg); break;
	case OPT_ENGINE:
		if (strcmp(arg, "ptrace"))
			usage_error("run", "--engine: ptrace is the only one yet, not '%s'", arg);
		break;
	case ARGP_KEY_ARG:
		return ARGP_ERR_UNKNOWN;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "-- PROGRAM [ARG...]",
	"Run several versions of a program as one: the leader talks to the world, the followers get its inputs and are "
	"checked against it.\v"
	"The exit status is the program's; 125: tandem failed, 126: the program cannot be executed, 127: it was not found.",
	NULL, NULL, NULL
};

static int open_report(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		die("cannot write the report %s: %s", path, strerror(errno));
	return fd;
}

static json_t *exposed_json(unsigned exposed)
{
	json_t *list = json_array();

	for (const struct source_name *s = source_names; s->name; s++)
		if (exposed & s->bit)
			json_array_append_new(list, json_string(s->name));
	return list;
}

static void write_report(int fd, const char *path, const struct run_options *o, const struct outcome *out)
{
	json_t *j = json_pack("{s:O, s:O, s:I, s:O, s:O, s:o, s:O, s:O, s:o}", "divergences", out->divergences, "versions",
	                      out->versions, "events", (json_int_t)out->events, "refused", out->refused, "unknown",
	                      out->unknown, "exposed", exposed_json(o->cfg.exposed), "warnings", out->warnings,
	                      "counts", out->counts ? out->counts : json_null(),
	                      "chaos", o->cfg.chaos ? json_integer(o->cfg.chaos_seed) : json_null());
	char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;

	if (!text || write_all(fd, text, strlen(text)) || write_all(fd, "\n", 1) || close(fd))
		die("cannot write the report %s: %s", path, strerror(errno));
	free(text);
	json_decref(j);
}

/* The counts of the report, for people: a line each. */
static void show_stats(const struct outcome *out, uint64_t ns)
{
	const char *name;
	json_t *value;

	fprintf(stderr, "tandem: %-24s %llu in %.3f s\n", "events", (unsigned long long)out->events, ns / 1e9);
	json_object_foreach(out->counts, name, value) {
		char words[64];
		size_t i = 0;

		for (; name[i] && i + 1 < sizeof(words); i++)
			words[i] = name[i] == '_' ? ' ' : name[i];
		words[i] = 0;
		if (strcmp(name, "events"))
			fprintf(stderr, "tandem: %-24s %lld\n", words, (long long)json_integer_value(value));
	}
}

static void set_versions(struct run_options *o, char **argv, char *path)
{
	extern char **environ;
	int err;

	o->cfg.n = o->copies + o->nother;
	if (o->cfg.n > 8)
		usage_error("run", "at most 8 versions, not %d", o->cfg.n);
	o->cfg.spec = xcalloc(o->cfg.n, sizeof(*o->cfg.spec));
	for (int i = 0; i < o->cfg.n; i++) {
		struct version_spec *s = &o->cfg.spec[i];
		const struct other *v;

		*s = (struct version_spec){path, argv, environ, false};
		if (i < o->copies)
			continue;
		v = &o->other[i - o->copies];
		s->other = true;
		s->envp = environment(v);
		if (v->argv)
			s->argv = v->argv;
		if ((err = find_program(v->exe ? v->exe : s->argv[0], &s->path)))
			exit(err);
	}
}

/* What was asked for cannot come to be without it; later the leader would be running already. */
static void need_main(const struct config *cfg)
{
	uint64_t at;

	for (int i = 0; i < cfg->n; i++)
		if (symbols_find(cfg->spec[i].path, "main", &at))
			die("--start=main: %s has no symbol main (is it stripped, or a script?)", cfg->spec[i].path);
}

int cmd_run(int argc, char **argv)
{
	struct run_options o = {.copies = 2, .divergence_exit = -1};
	struct outcome out;
	struct run run = {.cfg = &o.cfg, .keep_fd = -1};
	char *path;
	int rest, err, status = -1;
	uint64_t since;

	config_init(&o.cfg);
	parse_options(&argp, argc, argv, &rest, &o);
	if (rest >= argc)
		usage_error("run", "no program was given");
	if (o.nother && !o.copies_given)
		o.copies = 1;
	if ((err = find_program(argv[rest], &path)))
		return err;
	set_versions(&o, argv + rest, path);
	if (o.cfg.start_main && o.cfg.n > 1)
		need_main(&o.cfg);
	if (o.report)
		run.keep_fd = open_report(o.report);
	if (o.cfg.chaos)
		fprintf(stderr, "tandem: --chaos=%llu\n", (unsigned long long)o.cfg.chaos_seed);
	run.verbose = o.verbose && isatty(2);
	since = now_mono();
	err = coordinate(&run, &out);
	if (err)
		cannot_start(err);
	if (out.failed)
		status = outcome_failed(&out, path);
	if (o.report)
		write_report(run.keep_fd, o.report, &o, &out);
	if (o.stats)
		show_stats(&out, now_mono() - since);
	if (o.divergence_exit >= 0 && json_array_size(out.divergences))
		status = o.divergence_exit;
	end_like(&out, status);
}
