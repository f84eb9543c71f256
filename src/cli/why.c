/* why.c - `tandem why`: what makes two runs of a program differ, found by replays in which values are other ones.
 *
 * The program acts on the world once, while it is recorded. Everything else is a replay: one as it was, which tells where in the
 * program each value comes in; then as many as the search (why/search.h) asks for; then one for each cause, to see where it shows.
 * Each runs in a process of its own, and answers with a line of JSON.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/replay.h"
#include "cli/why.h"
#include "monitor/experiment.h"
#include "monitor/player.h"

enum { OPT_JSON = 256, OPT_KEEP, OPT_RING };

struct why_options {
	const char *output, *keep, *ring;
	bool json, verbose;
};

static const struct argp_option options[] = {
	{NULL, 'o', "FILE", 0, "write the answer there instead of to stderr", 0},
	{"json", OPT_JSON, NULL, 0, "the answer as JSON", 0},
	{"keep", OPT_KEEP, "FILE", 0, "keep the recording", 0},
	{"ring", OPT_RING, "SIZE", 0, "size of the stream (default 64M)", 0},
	{"verbose", 'v', NULL, 0, "show progress", 0},
	{0}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct why_options *o = state->input;

	switch (key) {
	case 'o':       o->output = arg; break;
	case 'v':       o->verbose = true; break;
	case OPT_JSON:  o->json = true; break;
	case OPT_KEEP:  o->keep = arg; break;
	case OPT_RING:  parse_size(arg, "--ring"); o->ring = arg; break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "-- PROGRAM [ARG...]\nRECORDING",
	"Find out which values make two runs of a program differ: time, ids, random bytes, layout and the like. The program runs once; then "
	"it is replayed, again and again, with other values in the place of those that it got, and what leaves it is compared: bytes it "
	"writes, names, modes, its exit status.\v"
	"The exit status is 0 where no cause was found, 1 where there are some, 125 where tandem failed.", NULL, NULL, NULL
};

/* ---- what must not stay behind ---- */

static char temporary[PATH_MAX];       /* "": none */
static pid_t owner;                    /* who removes it: what is forked does not */
static volatile pid_t working;         /* the process that records or replays; 0: none */

static void on_signal(int sig)
{
	if (working > 0) {
		kill(working, SIGTERM);
		waitpid(working, NULL, 0);
	}
	if (temporary[0] && getpid() == owner)
		unlink(temporary);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void remove_temporary(void)
{
	if (temporary[0] && getpid() == owner)
		unlink(temporary);
	temporary[0] = 0;
}

static void catch_endings(void)
{
	static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

	for (size_t i = 0; i < countof(endings); i++)
		if (signal(endings[i], on_signal) == SIG_IGN)
			signal(endings[i], SIG_IGN);
}

/* ---- the recording ---- */

static void make_temporary(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	owner = getpid();
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s/tandem-why.XXXXXX", dir && *dir ? dir : "/tmp") >= sizeof(temporary) ||
	    (fd = mkstemp(temporary)) < 0) {
		temporary[0] = 0;
		die("cannot make a file for the recording: %s", strerror(errno));
	}
	close(fd);
}

static pid_t receiver;

/* What is meant for the program goes to who records it. */
static void pass_on(int sig)
{
	if (receiver > 0)
		kill(receiver, sig);
}

/* The program runs, with all that tandem was given. Its status. */
static int record(char **words, const char *path, const struct why_options *o)
{
	static const int passed[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT};
	void (*before[countof(passed)])(int);
	char **argv, *ring = NULL;
	int n = 0, status, argc = 0;

	while (words[n])
		n++;
	argv = xcalloc(n + 6, sizeof(*argv));
	argv[argc++] = "record";
	argv[argc++] = "-o";
	argv[argc++] = (char *)path;
	if (o->ring)
		argv[argc++] = ring = xasprintf("--ring=%s", o->ring);
	argv[argc++] = "--";
	memcpy(argv + argc, words, n * sizeof(*argv));
	argc += n;
	fflush(NULL);
	receiver = fork();
	if (receiver < 0)
		die("cannot start: %s", strerror(errno));
	if (!receiver)
		exit(cmd_record(argc, argv));
	/* A terminal's signals have reached the program. */
	for (size_t i = 0; i < countof(passed); i++)
		before[i] = signal(passed[i], passed[i] == SIGINT || passed[i] == SIGQUIT ? SIG_IGN : pass_on);
	while (waitpid(receiver, &status, 0) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < countof(passed); i++)
		signal(passed[i], before[i]);
	receiver = 0;
	free(ring);
	free(argv);
	return status;
}

/* ---- replays ---- */

/* In a process of its own: coordinate() takes over much of the one that it runs in. */
static _Noreturn void replay_and_tell(struct why *w, const struct experiment *x, unsigned exposed, int fd)
{
	struct config cfg = w->cfg;
	struct outcome out;
	struct run run = {.cfg = &cfg, .producer = player_main, .producer_ctx = w->r, .keep_fd = fd, .quiet = true};
	char *text;
	json_t *j;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT || sig == SIGPIPE)
			signal(sig, SIG_DFL);
	cfg.experiment = x;
	cfg.exposed = exposed;
	if (coordinate(&run, &out))
		_exit(EXIT_TANDEM);
	j = json_pack("{s:O, s:O, s:O, s:b}", "experiment", out.experiment, "divergences", out.divergences, "warnings", out.warnings,
	              "ended", out.ended);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	_exit(!text || write_all(fd, text, strlen(text)) ? EXIT_TANDEM : 0);
}

json_t *why_replay(struct why *w, const struct experiment *x, unsigned exposed)
{
	int fd = memfd_create("tandem-why", MFD_CLOEXEC), status;
	json_t *j = NULL;
	off_t len;
	char *text;

	if (fd < 0)
		return NULL;
	fflush(NULL);
	working = fork();
	if (!working)
		replay_and_tell(w, x, exposed, fd);
	while (working > 0 && waitpid(working, &status, 0) < 0 && errno == EINTR)
		;
	if (working > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && (len = lseek(fd, 0, SEEK_END)) > 0) {
		text = xmalloc(len);
		if (read_all_at(fd, text, len, 0) == 0)
			j = json_loadb(text, len, 0, NULL);
		free(text);
	}
	working = 0;
	close(fd);
	return j;
}

/* The object that a replay has told under this name; NULL: none. Borrowed. */
json_t *why_told(const json_t *replay, const char *name)
{
	json_t *note, *x;
	size_t i;

	json_array_foreach(json_object_get(replay, "experiment"), i, note)
		if ((x = json_object_get(note, name)))
			return x;
	return NULL;
}

static unsigned exposed_shields(unsigned kinds)
{
	return (kinds >> CAUSE_AUXV & 1 ? SRC_AUXV : 0) | (kinds >> CAUSE_LAYOUT & 1 ? SRC_ASLR : 0) |
	       (kinds >> CAUSE_UNINIT & 1 ? SRC_UNINIT : 0);
}

struct experiment why_experiment(const struct why *w)
{
	return (struct experiment){.way = w->origins.way, .nways = w->origins.nways};
}

json_t *why_substituted(struct why *w, const uint32_t *which, uint32_t n, int amount, unsigned kinds, bool explain)
{
	struct substitution *list;
	struct buf room = {0};
	struct experiment x = why_experiment(w);
	json_t *j;

	x.nsubst = origins_substitute(&w->origins, which, n, amount, &list, &room);
	x.subst = list;
	x.explain = explain;
	j = why_replay(w, &x, exposed_shields(kinds));
	free(list);
	buf_free(&room);
	return j;
}

static struct trial judge(const json_t *replay)
{
	const json_t *end = why_told(replay, "end");
	const char *digest = json_string_value(json_object_get(end, "digest"));

	if (!digest)
		return (struct trial){.failed = true};
	return (struct trial){
		.rough = json_integer_value(json_object_get(end, "answered")) > 0,
		.digest = strtoull(digest, NULL, 16),
		.differs = json_integer_value(json_object_get(end, "leaving")) > 0,
		.early = json_array_size(json_object_get(replay, "divergences")) > 0 &&
		         json_integer_value(json_object_get(end, "leaving")) == 0,
	};
}

static void show_progress(const struct why *w, const char *what)
{
	if (w->verbose)
		fprintf(stderr, "\rtandem: %s: %" PRIu32 " values at %" PRIu32 " places, %" PRIu32 " replays, %" PRIu32 " causes\033[K", what,
		        w->origins.n, w->search.nplaces, w->search.trials, w->search.ncauses);
}

static struct trial attempt(void *ctx, const uint32_t *which, uint32_t n, int amount, unsigned exposed)
{
	struct why *w = ctx;
	json_t *j = why_substituted(w, which, n, amount, exposed, false);
	struct trial r = judge(j);

	json_decref(j);
	show_progress(w, "looking");
	return r;
}

/* ---- places ---- */

/* Those of one place have the same frames. */
static uint64_t hash_frames(const json_t *place)
{
	const json_t *frame;
	uint64_t h = 0, pc;
	size_t i;

	json_array_foreach(json_object_get(place, "backtrace"), i, frame) {
		pc = json_integer_value(json_object_get(frame, "pc"));
		h = hash_bytes(&pc, sizeof(pc), h);
	}
	return h;
}

static struct place *place_of(struct search *x, uint64_t id, int kind, uint32_t *room)
{
	for (uint32_t i = 0; i < x->nplaces; i++)
		if (x->place[i].id == id && x->place[i].kind == kind)
			return &x->place[i];
	x->place = xgrow(x->place, room, x->nplaces, sizeof(*x->place));
	x->place[x->nplaces] = (struct place){.id = id, .kind = kind};
	return &x->place[x->nplaces++];
}

static bool starts_with(const char *s, const char *with)
{
	return s && !strncmp(s, with, strlen(with));
}

/* Where the stack begins is what was executed; but a thread's begins in the C library, and what a process does before its main in the
 * loader. What headers of the system's bring in inline is not the program's own. */
int why_own_frame(const json_t *frames)
{
	size_t i, n = json_array_size(frames);
	const char *module = n ? json_string_value(json_object_get(json_array_get(frames, n - 1), "module")) : NULL, *base, *m, *file;
	int any = -1;
	const json_t *f;
	bool thread;

	base = module ? strrchr(module, '/') : NULL;
	thread = base && starts_with(base, "/libc.so");
	if (!module || (base && starts_with(base, "/ld-linux")))
		return -1;
	json_array_foreach(frames, i, f) {
		m = json_string_value(json_object_get(f, "module"));
		file = json_string_value(json_object_get(f, "file"));
		if (!m || (thread ? strstr(m, ".so") != NULL : strcmp(m, module) != 0 || i + 1 == n))
			continue;
		/* Of a static program the C library's functions are its own as well; where they have a source, it is named from there. */
		if (starts_with(file, "/") && !starts_with(file, "/usr/"))
			return i;
		if (any < 0 && !starts_with(file, "/usr/"))
			any = i;
	}
	return any;
}

static void make_places(struct why *w)
{
	uint32_t room = 0;

	for (uint32_t i = 0; i < w->origins.n; i++) {
		struct origin *x = &w->origins.at[i];
		const json_t *told = why_place(w, x->seq);
		struct place *s;

		x->place = (told ? hash_frames(told) : x->seq) ^ x->key;
		s = place_of(&w->search, x->place, x->kind, &room);
		s->own = told && why_own_frame(json_object_get(told, "backtrace")) >= 0;
		s->origin = xrealloc(s->origin, (s->n + 1) * sizeof(*s->origin));
		s->origin[s->n++] = i;
	}
	for (int kind = CAUSE_AUXV; kind < CAUSE_KINDS; kind++)
		place_of(&w->search, kind, kind, &room)->own = true;
}

const json_t *why_place(const struct why *w, uint64_t seq)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, seq);
	return json_object_get(w->places, key);
}

/* A replay as it was: it must come out as it was, and tells where in the program the values come in. */
static void look_where(struct why *w)
{
	struct experiment x = why_experiment(w);
	uint64_t *seq = xcalloc(w->origins.n + 1, sizeof(*seq));
	json_t *j, *note, *place;
	struct trial r;
	size_t i;

	for (uint32_t k = 0; k < w->origins.n; k++)
		if (!x.nplaces || seq[x.nplaces - 1] != w->origins.at[k].seq)
			seq[x.nplaces++] = w->origins.at[k].seq;
	x.place = seq;
	j = why_replay(w, &x, 0);
	r = judge(j);
	w->places = json_object();
	json_array_foreach(json_object_get(j, "experiment"), i, note)
		if ((place = json_object_get(note, "place"))) {
			char key[24];

			snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(json_object_get(place, "event")));
			json_object_set(w->places, key, place);
		}
	if (r.failed)
		die("%s: the recording cannot be replayed here", w->path);
	if (r.differs || r.early || json_array_size(json_object_get(j, "divergences")))
		die("%s: the replay goes another way by itself, with the very same values: tandem replay tells where", w->path);
	json_decref(j);
	free(seq);
}

/* ---- */

static FILE *open_output(const struct why_options *o)
{
	FILE *f;

	if (!o->output)
		return stderr;
	if (!(f = fopen(o->output, "we")))
		die("cannot write %s: %s", o->output, strerror(errno));
	return f;
}

/* A program that is to be recorded, or a recording that is there. From then on signals end us and leave nothing. */
static const char *get_recording(char **words, bool program, const struct why_options *o)
{
	const char *path = words[0];
	struct stat st;
	int status;
	char *found;

	if (!program) {
		if (words[1])
			usage_error("why", "'%s' is one word too many: a program goes behind --", words[1]);
		if (o->keep)
			usage_error("why", "--keep is for a program that is run");
		catch_endings();
		return path;
	}
	if ((status = find_program(words[0], &found)))
		exit(status);
	free(found);
	if (!o->keep) {
		make_temporary();
		atexit(remove_temporary);
	}
	path = o->keep ? o->keep : temporary;
	status = record(words, path, o);
	catch_endings();
	/* The recorder has said why. */
	if (stat(path, &st) < 0 || !st.st_size) {
		remove_temporary();
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_TANDEM);
	}
	return path;
}

int cmd_why(int argc, char **argv)
{
	struct why_options o = {0};
	struct why w = {0};
	struct version_spec recorded;
	json_t *report;
	uint64_t since;
	FILE *out;
	int rest, status;

	parse_options(&argp, argc, argv, &rest, &o);
	if (rest >= argc)
		usage_error("why", "no program was given, and no recording");
	out = open_output(&o);
	w.path = get_recording(argv + rest, rest && !strcmp(argv[rest - 1], "--"), &o);
	since = now_mono();
	config_init(&w.cfg);
	w.r = replay_open(w.path, &w.cfg, 1, &recorded);
	replay_versions(&w.cfg, &recorded, NULL);
	/* It is open. */
	if (w.path == temporary)
		w.path = "the recording";
	remove_temporary();
	if (origins_read(&w.origins, w.r))
		die("%s: there are more values in the recording than can be tried", w.path);
	if (!w.r->complete)
		die("%s", w.r->damage ? w.r->damage : "the recording has no end");
	w.verbose = o.verbose && isatty(2);
	w.search = (struct search){.attempt = attempt, .ctx = &w};
	look_where(&w);
	make_places(&w);
	search(&w.search);
	if (w.search.failed)
		die("%s: a replay has failed: the answer is not complete", w.path);
	show_progress(&w, "looking where they show");
	report = why_report(&w, now_mono() - since);
	if (w.verbose)
		fprintf(stderr, "\r\033[K");
	status = why_print(out, report, o.json);
	if (fflush(out) || ferror(out))
		die("cannot write the answer: %s", strerror(errno));
	json_decref(report);
	json_decref(w.places);
	search_free(&w.search);
	origins_free(&w.origins);
	log_reader_close(w.r);
	return status;
}
