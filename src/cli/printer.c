/* printer.c - see printer.h. */
#define _GNU_SOURCE
#include "cli/printer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* Text is written in pieces of this size when it goes to a file, line by line to a terminal. */
#define PIECE 65536

bool printer_option(struct printer_options *o, const char *command, int key, char *arg)
{
	char *error = NULL;

	switch (key) {
	case 'o': o->output = arg; break;
	case 's': o->show.string_max = parse_size(arg, "-s"); break;
	case 'k': o->backtraces = true; break;
	case 'T': o->show.syscall_times = true; break;
	case 't': o->show.timestamps++; break;
	case 'c': o->count = o->count_only = true; break;
	case 'C': o->count = true; break;
	case 'v': o->show.abbreviate = false; break;
	case 'q': o->filter.quiet = true; break;
	case 'e':
		if (filter_parse(&o->filter, arg, &error))
			usage_error(command, "-e: %s", error);
		break;
	default:
		return false;
	}
	return true;
}

void printer_start(struct printer *p, const struct printer_options *o, int fd)
{
	*p = (struct printer){.o = o, .fd = fd};
	if (o->output)
		p->fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (p->fd < 0)
		die("cannot write %s: %s", o->output, strerror(errno));
	p->lines = isatty(p->fd);
}

void printer_flush(struct printer *p)
{
	if (p->text.len && !p->failed && write_all(p->fd, p->text.at, p->text.len)) {
		/* The program must not suffer from a full disk: say it once, go on. */
		warn("cannot write the output: %s", strerror(errno));
		p->failed = true;
	}
	buf_clear(&p->text);
}

static void show_frames(struct printer *p, const struct frame *f, int n)
{
	for (int i = 0; i < n; i++) {
		buf_printf(&p->text, " > %s(", f[i].module ? f[i].module : "?");
		if (f[i].function)
			buf_printf(&p->text, "%s+0x%llx)", f[i].function, (unsigned long long)f[i].offset);
		else
			buf_printf(&p->text, "+0x%llx)", (unsigned long long)f[i].offset);
		if (f[i].file)
			buf_printf(&p->text, " %s:%d", f[i].file, f[i].line);
		buf_printf(&p->text, " [0x%llx]\n", (unsigned long long)f[i].pc);
	}
}

static void show_backtrace(struct printer *p, const struct event *e, const struct mm *mm)
{
	struct part *regs = event_part(e, PART_REGS, 0), *stack = event_part(e, PART_STACK, 0);
	struct module_map *map;
	struct snapshot snap = {0};
	struct frame frame[64];
	struct user_regs_struct r;
	bool truncated = false;
	int n;

	if (!regs || !stack || !mm || (e->type != EV_CALL && e->type != EV_LEAVE && e->type != EV_INSN))
		return;
	memcpy(&r, part_data(regs), sizeof(r));
	map = xcalloc(mm->nmap, sizeof(*map));
	for (int i = 0; i < mm->nmap; i++)
		map[i] = (struct module_map){mm->map[i].start, mm->map[i].end, mm->map[i].offset, mm->map[i].path,
		                             mm->map[i].dev, mm->map[i].ino};
	snap = (struct snapshot){&r, stack->addr, part_data(stack), stack->len, NULL, NULL, map, mm->nmap};
	if (!p->symbols)
		p->symbols = symbols_new();
	n = symbols_backtrace(p->symbols, &snap, frame, countof(frame), &truncated);
	show_frames(p, frame, n);
	if (truncated)
		buf_puts(&p->text, " > (truncated: --stack=SIZE carries more)\n");
	frames_free(frame, n);
	free(map);
}

void printer_event(struct printer *p, const struct event *e)
{
	size_t before = p->text.len;
	struct mm *mm = p->o->backtraces ? views_event(&p->views, e) : NULL;

	if (p->o->count && (e->type == EV_CALL || e->type == EV_LEAVE || e->type == EV_INSN))
		summary_add(&p->summary, e);
	if (p->o->count_only || !filter_wants(&p->o->filter, e))
		return;
	show_event(&p->text, e, &p->o->show);
	if (p->text.len == before)
		return;
	if (p->o->backtraces)
		show_backtrace(p, e, mm);
	if (p->lines || p->text.len > PIECE)
		printer_flush(p);
}

void printer_end(struct printer *p)
{
	if (p->o->count)
		summary_show(&p->text, &p->summary);
	printer_flush(p);
}
