/* main.c -- the program. Everything is in cli.c, so that tests can call it too. */
#include "cli/all.h"
#include "cli/cli.h"

int main(int argc, char **argv) {
    ft_all_use();
    return ft_cli_main(argc, argv);
}
