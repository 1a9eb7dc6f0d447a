#include "lightning.h"

#include <string.h>

enum { COLUMNS_MAX = 200, COLUMNS_MIN = 10, ROWS_MAX = 100, ROWS_MIN = 5, BRANCHES_MAX = 64 };
enum { STEPS = 3, BRANCH_ODDS = 6, MIDDLE = 2 };

/** One end of the bolt that is still on its way. */
struct branch {
    int64_t column;
    int64_t rows_left;
};

/** The picture being drawn. */
struct sky {
    int64_t columns, rows;
    uint64_t seed;
    struct branch branches[BRANCHES_MAX];
    size_t count;
};

static int64_t within(int64_t number, int64_t smallest, int64_t largest) {
    return number < smallest ? smallest : number > largest ? largest : number;
}

/** A number below `limit`; Marsaglia's xorshift with 64 bits. */
static int64_t chance(struct sky *sky, int64_t limit) {
    sky->seed ^= sky->seed << 13;
    sky->seed ^= sky->seed >> 7;
    sky->seed ^= sky->seed << 17;
    return (int64_t)(sky->seed % (uint64_t)limit);
}

/** Draws the step of each branch into the row, and lets new ones begin and old ones end. */
static void draw_row(struct sky *sky, char *row) {
    size_t count = sky->count;
    for (size_t i = 0; i < count; i++) {
        struct branch *branch = &sky->branches[i];
        if (branch->rows_left == 0)
            continue;
        int64_t step = chance(sky, STEPS);
        branch->column = within(branch->column + step - 1, 0, sky->columns - 1);
        branch->rows_left--;
        row[branch->column] = "/|\\"[step];
        bool splits = sky->count < BRANCHES_MAX && chance(sky, BRANCH_ODDS) == 0;
        if (splits)
            sky->branches[sky->count++] = (struct branch){branch->column, branch->rows_left / MIDDLE};
    }
}

void bzs_lightning_draw(int64_t columns, int64_t rows, uint64_t seed, struct bzs_reply *text) {
    struct sky sky = {.columns = within(columns, COLUMNS_MIN, COLUMNS_MAX),
                      .rows = within(rows, ROWS_MIN, ROWS_MAX),
                      .seed = seed * 2 + 1};
    for (int i = 0; i < ROWS_MIN; i++)
        chance(&sky, 1); /* seeds that are close to each other shall not look alike */
    sky.branches[sky.count++] = (struct branch){sky.columns / MIDDLE, sky.rows - 1};
    for (int64_t i = 0; i < sky.rows; i++) {
        char row[COLUMNS_MAX + 1];
        memset(row, i + 1 < sky.rows ? ' ' : '_', (size_t)sky.columns);
        if (i + 1 < sky.rows)
            draw_row(&sky, row);
        size_t size = (size_t)sky.columns;
        while (size > 0 && row[size - 1] == ' ')
            size--;
        row[size] = '\n';
        bzs_reply_raw(text, row, size + 1);
    }
}
