/* ticker.c - as many lines as the first argument says, as many milliseconds apart as the second: something to be killed in. */
#include "expect.h"

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 10, ms = argc > 2 ? atoi(argv[2]) : 10;
    char line[64];
    unsigned long sum = 1;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < 10000; j++)
            sum = sum * 6364136223846793005UL + 1442695040888963407UL;
        int len = snprintf(line, sizeof line, "%d %016lx\n", i, sum);
        if (write(1, line, len) != len)
            return 1;
        sleep_ms(ms);
    }
    return 42;
}
