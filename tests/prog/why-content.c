/* why-content.c - a random number shows in what is written to a file, and nowhere else. */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
    uint64_t key;

    if (getrandom(&key, sizeof key, 0) != sizeof key) /* cause: random */
        return 1;
    FILE *file = fopen("key.txt", "w");
    if (!file)
        return 1;
    fprintf(file, "%016lx\n", key);
    fclose(file);
    printf("key written\n");
    return 0;
}
