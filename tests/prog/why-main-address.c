/* why-main-address.c - the address of main is printed; it is another one each time if the executable is a PIE. */
#include <stdio.h>

int main(void)
{
    printf("%p\n", (void *)main); /* cause: layout */
    return 0;
}
