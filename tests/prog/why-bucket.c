/* why-bucket.c - addresses are the keys of a hash table, and so decide in which order its items are printed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BUCKETS 13

struct item {
    int number;
    char data[5000];
};

static unsigned bucket(const struct item *item)
{
    return ((uintptr_t)item >> 12) % BUCKETS;
}

int main(void)
{
    struct item *items[8];

    for (int i = 0; i < 8; i++) {
        items[i] = malloc(sizeof *items[i]); /* cause: layout */
        if (!items[i])
            return 1;
        items[i]->number = i;
    }
    for (unsigned b = 0; b < BUCKETS; b++)
        for (int i = 0; i < 8; i++)
            if (bucket(items[i]) == b)
                printf("item %d\n", items[i]->number);
    return 0;
}
