/* bench_state: how fast the state is hashed, proved and checked.
 *
 *     bench_state [--quick] [--workload NAME]
 *
 * trees: 1 000 000 accounts, of which 100 000 hold 20 positions each: built from their records,
 * then kept up to date, on every path that this processor has; and the proof of one account.
 * Targets are printed beside what they are about, as is the memory. */
#include "state.h"

static const struct state_workload workloads[] = {
    {"trees", state_run_trees},
};

int main(int argc, char **argv)
{
    struct state_options options = {.quick = false, .runs = 5};
    const char *only = NULL;
    const struct bench_option table[] = {
        BENCH_OPTION_QUICK(&options.quick),
        BENCH_OPTION_WORKLOAD(&only),
    };
    bench_options_read("bench_state", table, 2, argc, argv);
    if (options.quick) options.runs = 1;
    bool found = false;
    bench_json_machine();
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (only != NULL && strcmp(only, workloads[i].name) != 0) continue;
        found = true;
        workloads[i].run(&options);
    }
    if (!found) fprintf(stderr, "bench_state: there is no workload \"%s\"\n", only);
    return found ? 0 : 2;
}
