/* tenor cluster, block, liquidations, completion: the set, its blocks, and a shell's help. */
#include "commands.h"
#include "tenor/client_errors.h"

#include <inttypes.h>
#include <string.h>

static bool put_cluster(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_cluster_news *cluster = &news->as.cluster;
    if (news->kind != TN_NEWS_CLUSTER) return false;
    output_hex(thin->output, "chain_id", cluster->chain_id, sizeof cluster->chain_id);
    output_number(thin->output, "epoch", cluster->epoch);
    output_number(thin->output, "height", cluster->height);
    output_number(thin->output, "final_height", cluster->final_height);
    output_number(thin->output, "governance_number", cluster->governance_number);
    output_number(thin->output, "deposit_number", cluster->deposit_number);
    output_table(thin->output, "nodes", "node# clients weight# asked leads key?");
    for (uint32_t i = 0; i < cluster->nodes_count; i++) {
        const struct tn_cluster_node *node = &cluster->nodes[i];
        char leads[64] = "";
        for (uint32_t k = 0; k < cluster->markets_count; k++) {
            size_t used = strlen(leads);
            if (cluster->markets[k].leader != node->index + 1) continue;
            snprintf(leads + used, sizeof leads - used, "%s%" PRIu32, used > 0 ? "," : "",
                     cluster->markets[k].market);
        }
        output_row(thin->output);
        output_count(thin->output, "node", node->index);
        if (node->clients[0] != '\0') output_text(thin->output, "clients", node->clients);
        output_number(thin->output, "weight", node->weight);
        output_flag(thin->output, "asked", node->is_this);
        if (leads[0] != '\0') output_text(thin->output, "leads", leads);
        output_hex(thin->output, "key", node->key, sizeof node->key);
    }
    output_table_end(thin->output);
    output_table(thin->output, "markets", "market# term# leader# sequence#");
    for (uint32_t k = 0; k < cluster->markets_count; k++) {
        const struct tn_market_head *head = &cluster->markets[k];
        output_row(thin->output);
        output_count(thin->output, "market", head->market);
        output_count(thin->output, "term", head->term);
        if (head->leader > 0) output_count(thin->output, "leader", head->leader - 1);
        output_number(thin->output, "sequence", head->sequence);
    }
    output_table_end(thin->output);
    return true;
}

int cluster_show(struct thin *thin)
{
    const struct tn_question question = {.kind = TN_ASK_CLUSTER};
    if (!thin_options(thin, NULL, 0, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_ask(thin, &question, put_cluster, thin)) return thin->end;
    return thin_done(thin);
}

static bool put_block(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_block_news *block = &news->as.block;
    if (news->kind != TN_NEWS_BLOCK) return false;
    if (!block->exists) {
        thin_reject(thin, TN_ERROR_BLOCK_UNKNOWN, NULL);
        return true;
    }
    output_number(thin->output, "height", block->height);
    output_time(thin->output, "time", (int64_t)block->time_ms);
    output_hex(thin->output, "hash", block->hash, sizeof block->hash);
    output_hex(thin->output, "root", block->root, sizeof block->root);
    output_count(thin->output, "proposer", block->proposer);
    output_count(thin->output, "batches", block->batches);
    output_number(thin->output, "view", block->view);
    output_number(thin->output, "epoch", block->epoch);
    return true;
}

int cluster_block(struct thin *thin)
{
    struct tn_question question = {.kind = TN_ASK_BLOCK};
    const struct argument own[] = {{"--height", ARGUMENT_NUMBER, &question.height, UINT64_MAX, "N",
                                    "which one (0: the last)"}};
    if (!thin_options(thin, own, 1, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_ask(thin, &question, put_block, thin)) return thin->end;
    return thin_done(thin);
}

struct liquidations_page {
    struct thin *thin;
    uint32_t last;
    bool more;
};

static bool put_liquidations(void *context, const struct tn_client_news *news)
{
    static const char *const states[] = {"none", "slices", "auction", "insolvent", "deleveraging"};
    struct liquidations_page *page = context;
    struct output *output = page->thin->output;
    if (news->kind != TN_NEWS_LIQUIDATIONS) return false;
    for (uint32_t i = 0; i < news->as.liquidations.count; i++) {
        const struct tn_liquidation_news *one = &news->as.liquidations.list[i];
        output_row(output);
        output_count(output, "account", one->account);
        output_text(output, "state", one->state <= 4 ? states[one->state] : "unknown");
        output_money(output, "equity", one->equity_micros);
        output_money(output, "maintenance", one->maintenance_micros);
        page->last = one->account;
    }
    page->more = news->as.liquidations.more;
    return true;
}

int liquidations_list(struct thin *thin)
{
    if (!thin_options(thin, NULL, 0, 0, 0) || !thin_connect(thin)) return thin->end;
    struct tn_question question = {.kind = TN_ASK_LIQUIDATIONS, .market = thin_market(thin)};
    struct liquidations_page page = {.thin = thin, .more = true};
    output_table(thin->output, "liquidations", "account# state equity# maintenance#");
    while (page.more) {
        question.after_account = page.last;
        if (!thin_ask(thin, &question, put_liquidations, &page)) return thin->end;
    }
    output_table_end(thin->output);
    return thin_done(thin);
}

/* ---- Completion -------------------------------------------------------------------------------
 */

/* The first words of all commands, or the second ones behind a first. */
static void print_words(FILE *out, const char *first)
{
    const char *last = "";
    for (size_t i = 0; i < commands_count; i++) {
        const char *words = commands[i].words;
        size_t length = strcspn(words, " ");
        if (first == NULL) {
            bool is_same =
                strncmp(last, words, length) == 0 && (last[length] == ' ' || last[length] == '\0');
            if (!is_same) fprintf(out, " %.*s", (int)length, words);
            last = words;
        } else if (words[length] == ' ' && strlen(first) == length &&
                   strncmp(words, first, length) == 0) {
            fprintf(out, " %s", words + length + 1);
        }
    }
}

/* Options are what the command's own help lists: nothing else knows those of all commands. */
static const char OPTIONS[] =
    "    if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then\n"
    "        local before=(\"${COMP_WORDS[@]:0:COMP_CWORD}\")\n"
    "        words=$(\"${before[@]:0:3}\" --help 2>/dev/null |\n"
    "            sed -nE 's/^  (-[-a-z]+)( .*)?$/\\1/p')\n"
    "        words+=' --help'\n"
    "    fi\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
    "}\ncomplete -o default -F _tenor tenor\n";

int completion_bash(struct thin *thin)
{
    if (!thin_options(thin, NULL, 0, 0, 0)) return thin->end;
    fputs("_tenor()\n{\n    local words=\n    case $COMP_CWORD in\n        1) words='", stdout);
    print_words(stdout, NULL);
    fputs("' ;;\n        2)\n            case ${COMP_WORDS[1]} in\n", stdout);
    const char *last = "";
    for (size_t i = 0; i < commands_count; i++) {
        char first[32];
        size_t length = strcspn(commands[i].words, " ");
        if (commands[i].words[length] != ' ' || length >= sizeof first) continue;
        if (strncmp(last, commands[i].words, length + 1) == 0) continue;
        last = commands[i].words;
        memcpy(first, commands[i].words, length);
        first[length] = '\0';
        fprintf(stdout, "                %s) words='", first);
        print_words(stdout, first);
        fputs("' ;;\n", stdout);
    }
    fputs("            esac\n            ;;\n    esac\n", stdout);
    fputs(OPTIONS, stdout);
    return command_flush(stdout, stderr);
}
