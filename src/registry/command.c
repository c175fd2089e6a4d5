/* command: governance of the registry as bytes, and the parameters that a record holds as well.
 *
 * `kind u8`, then the fields of the kind in their order: docs/specs/registry.md §4. Reading is
 * total and strict: what has no other meaning than a wrong one (a bool of 2, an unknown kind) is
 * refused here; what the state forbids is answered by tn_registry_govern. */
#include "registry/internal.h"

void tn_registry_put_parameters(uint8_t out[PARAMETERS_BYTES],
                                const struct tn_registry_parameters *parameters)
{
    tn_put_be(out, parameters->reward_blocks, 4);
    tn_put_be(out + 4, parameters->proposer_ppm, 4);
    tn_put_be(out + 8, parameters->voter_ppm, 4);
    tn_put_be(out + 12, parameters->leader_ppm, 4);
    for (uint32_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++)
        tn_put_be(out + 12 + 4 * kind, parameters->slash_ppm[kind], 4);
}

void tn_registry_get_parameters(struct tn_registry_parameters *parameters,
                                const uint8_t bytes[PARAMETERS_BYTES])
{
    *parameters = (struct tn_registry_parameters){
        .reward_blocks = (uint32_t)tn_get_be(bytes, 4),
        .proposer_ppm = (uint32_t)tn_get_be(bytes + 4, 4),
        .voter_ppm = (uint32_t)tn_get_be(bytes + 8, 4),
        .leader_ppm = (uint32_t)tn_get_be(bytes + 12, 4),
    };
    for (uint32_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++)
        parameters->slash_ppm[kind] = (uint32_t)tn_get_be(bytes + 12 + 4 * kind, 4);
}

/* Bytes of a command without its candidates; 0: unknown. */
static size_t fixed_size(uint8_t kind)
{
    switch (kind) {
        case TN_REGISTRY_VALIDATOR: return 1 + TN_PUBLIC_KEY_SIZE + TN_ADDRESS_SIZE + 8 + 8;
        case TN_REGISTRY_WEIGHT: return 1 + 2 + 8 + 8;
        case TN_REGISTRY_FEEDER: return 1 + 2 + 1 + TN_PUBLIC_KEY_SIZE;
        case TN_REGISTRY_MARKET: return 1 + 4 + 2;
        case TN_REGISTRY_KEY: return 1 + 1 + TN_PUBLIC_KEY_SIZE;
        case TN_REGISTRY_PARAMETERS: return 1 + PARAMETERS_BYTES;
        case TN_REGISTRY_EPOCH: return 1 + 8;
    }
    return 0;
}

size_t tn_registry_write_command(uint8_t out[TN_REGISTRY_COMMAND_BYTES_MAX],
                                 const struct tn_registry_command *command)
{
    size_t size = fixed_size((uint8_t)command->kind);
    TN_ASSERT(size > 0);
    out[0] = (uint8_t)command->kind;
    switch (command->kind) {
        case TN_REGISTRY_VALIDATOR:
            memcpy(out + 1, command->as.validator.key.bytes, TN_PUBLIC_KEY_SIZE);
            memcpy(out + 34, command->as.validator.address.bytes, TN_ADDRESS_SIZE);
            tn_put_be(out + 54, command->as.validator.weight, 8);
            tn_put_be(out + 62, (uint64_t)command->as.validator.stake_micros, 8);
            return size;
        case TN_REGISTRY_WEIGHT:
            tn_put_be(out + 1, command->as.weight.id, 2);
            tn_put_be(out + 3, command->as.weight.weight, 8);
            tn_put_be(out + 11, (uint64_t)command->as.weight.stake_micros, 8);
            return size;
        case TN_REGISTRY_FEEDER:
            tn_put_be(out + 1, command->as.feeder.signer, 2);
            out[3] = command->as.feeder.active;
            memcpy(out + 4, command->as.feeder.key.bytes, TN_PUBLIC_KEY_SIZE);
            return size;
        case TN_REGISTRY_MARKET:
            TN_ASSERT(command->as.market.count <= TN_REGISTRY_CANDIDATES_MAX);
            tn_put_be(out + 1, command->as.market.market, 4);
            tn_put_be(out + 5, command->as.market.count, 2);
            for (uint32_t i = 0; i < command->as.market.count; i++, size += 2)
                tn_put_be(out + size, command->as.market.candidates[i], 2);
            return size;
        case TN_REGISTRY_KEY:
            out[1] = (uint8_t)command->as.key.which;
            memcpy(out + 2, command->as.key.key.bytes, TN_PUBLIC_KEY_SIZE);
            return size;
        case TN_REGISTRY_PARAMETERS:
            tn_registry_put_parameters(out + 1, &command->as.parameters);
            return size;
        case TN_REGISTRY_EPOCH: tn_put_be(out + 1, command->as.epoch_height, 8); return size;
    }
    return 0;
}

static bool refuse(struct tn_stream_fault *fault, size_t at, const char *what)
{
    *fault = (struct tn_stream_fault){.at = at, .what = what};
    return false;
}

static bool read_market(struct tn_registry_command *command, struct tn_stream_fault *fault,
                        const uint8_t *bytes, size_t size)
{
    const uint64_t count = tn_get_be(bytes + 5, 2);
    if (count > TN_REGISTRY_CANDIDATES_MAX)
        return refuse(fault, 5, "a market has more candidates than a set has members");
    if (size != 7 + 2 * count) return refuse(fault, size, "the command ends too early or too late");
    command->as.market.market = (uint32_t)tn_get_be(bytes + 1, 4);
    command->as.market.count = (uint16_t)count;
    for (uint32_t i = 0; i < count; i++)
        command->as.market.candidates[i] = (uint16_t)tn_get_be(bytes + 7 + 2 * i, 2);
    return true;
}

bool tn_registry_read_command(struct tn_registry_command *command, struct tn_stream_fault *fault,
                              const uint8_t *bytes, size_t size)
{
    memset(command, 0, sizeof(*command));
    const size_t fixed = size == 0 ? 0 : fixed_size(bytes[0]);
    if (fixed == 0) return refuse(fault, 0, "the kind of command is none of those defined");
    if (size < fixed || (size > fixed && bytes[0] != TN_REGISTRY_MARKET))
        return refuse(fault, size, "the command ends too early or too late");
    command->kind = (enum tn_registry_command_kind)bytes[0];
    switch (command->kind) {
        case TN_REGISTRY_VALIDATOR:
            memcpy(command->as.validator.key.bytes, bytes + 1, TN_PUBLIC_KEY_SIZE);
            memcpy(command->as.validator.address.bytes, bytes + 34, TN_ADDRESS_SIZE);
            command->as.validator.weight = tn_get_be(bytes + 54, 8);
            command->as.validator.stake_micros = (tn_micros)tn_get_be(bytes + 62, 8);
            return true;
        case TN_REGISTRY_WEIGHT:
            command->as.weight.id = (uint16_t)tn_get_be(bytes + 1, 2);
            command->as.weight.weight = tn_get_be(bytes + 3, 8);
            command->as.weight.stake_micros = (tn_micros)tn_get_be(bytes + 11, 8);
            return true;
        case TN_REGISTRY_FEEDER:
            if (bytes[3] > 1) return refuse(fault, 3, "a feeder is active or not: 1 or 0");
            command->as.feeder.signer = (uint16_t)tn_get_be(bytes + 1, 2);
            command->as.feeder.active = bytes[3] == 1;
            memcpy(command->as.feeder.key.bytes, bytes + 4, TN_PUBLIC_KEY_SIZE);
            return true;
        case TN_REGISTRY_MARKET: return read_market(command, fault, bytes, size);
        case TN_REGISTRY_KEY:
            if (bytes[1] != TN_REGISTRY_KEY_GOVERNANCE && bytes[1] != TN_REGISTRY_KEY_FAUCET)
                return refuse(fault, 1, "there is no key of this number");
            command->as.key.which = (enum tn_registry_key_kind)bytes[1];
            memcpy(command->as.key.key.bytes, bytes + 2, TN_PUBLIC_KEY_SIZE);
            return true;
        case TN_REGISTRY_PARAMETERS:
            tn_registry_get_parameters(&command->as.parameters, bytes + 1);
            return true;
        case TN_REGISTRY_EPOCH: command->as.epoch_height = tn_get_be(bytes + 1, 8); return true;
    }
    return false;
}
