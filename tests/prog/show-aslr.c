/* show-aslr.c - source aslr: one address of the kind that the argument names: stack, heap, mmap, function, libc. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "stack";
    const void *at = NULL;
    int local = argc;
    if (!strcmp(kind, "stack"))
        at = &local;
    else if (!strcmp(kind, "heap"))
        at = malloc(100);
    else if (!strcmp(kind, "mmap"))
        at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (!strcmp(kind, "function"))
        at = (void *)main;
    else if (!strcmp(kind, "brk"))
        at = sbrk(0);
    else if (!strcmp(kind, "libc"))
        at = (void *)strstr;
    char line[64];
    int len = snprintf(line, sizeof line, "%s %p\n", kind, at);
    return write(1, line, len) != len; /* shown */
}
