/* Certificates of nodes: mbedTLS writes them, this file says what is in them.
 *
 * The certificate is not an authority's: basicConstraints says CA:FALSE, so that one who is pinned
 * cannot vouch for another. The serial number is random, so that no two are alike. */
#include "link/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool fail(char problem[LINK_PROBLEM_SIZE], const char *what, int code)
{
    char why[160];
    mbedtls_strerror(code, why, sizeof why);
    snprintf(problem, LINK_PROBLEM_SIZE, "cannot %s: %s", what, why);
    return false;
}

/* What making one needs, so that it is given back in one place. */
struct maker {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_pk_context key;
    mbedtls_x509write_cert certificate;
    mbedtls_mpi serial;
};

static int make_key(struct maker *maker)
{
    int code =
        mbedtls_ctr_drbg_seed(&maker->random, mbedtls_entropy_func, &maker->entropy, NULL, 0);
    if (code == 0)
        code = mbedtls_pk_setup(&maker->key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (code != 0) return code;
    return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(maker->key),
                               mbedtls_ctr_drbg_random, &maker->random);
}

static int write_pair(struct maker *maker, struct certificate *certificate)
{
    mbedtls_x509write_cert *out = &maker->certificate;
    static const char name[] = "CN=" CERTIFICATE_NAME;
    mbedtls_x509write_crt_set_version(out, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(out, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(out, &maker->key);
    mbedtls_x509write_crt_set_issuer_key(out, &maker->key);
    int code = mbedtls_mpi_fill_random(&maker->serial, 16, mbedtls_ctr_drbg_random, &maker->random);
    if (code == 0) code = mbedtls_mpi_set_bit(&maker->serial, 127, 0); /* positive in DER */
    if (code == 0) code = mbedtls_x509write_crt_set_serial(out, &maker->serial);
    if (code == 0) code = mbedtls_x509write_crt_set_subject_name(out, name);
    if (code == 0) code = mbedtls_x509write_crt_set_issuer_name(out, name);
    if (code == 0)
        code = mbedtls_x509write_crt_set_validity(out, "20200101000000", "20991231235959");
    if (code == 0) code = mbedtls_x509write_crt_set_basic_constraints(out, 0, -1);
    if (code == 0)
        code = mbedtls_x509write_crt_set_key_usage(out, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    if (code == 0)
        code = mbedtls_x509write_crt_pem(out, (unsigned char *)certificate->certificate,
                                         sizeof certificate->certificate, mbedtls_ctr_drbg_random,
                                         &maker->random);
    if (code == 0)
        code = mbedtls_pk_write_key_pem(&maker->key, (unsigned char *)certificate->private_key,
                                        sizeof certificate->private_key);
    return code;
}

bool certificate_make(struct certificate *certificate, char problem[LINK_PROBLEM_SIZE])
{
    struct maker maker;
    mbedtls_entropy_init(&maker.entropy);
    mbedtls_ctr_drbg_init(&maker.random);
    mbedtls_pk_init(&maker.key);
    mbedtls_x509write_crt_init(&maker.certificate);
    mbedtls_mpi_init(&maker.serial);
    memset(certificate, 0, sizeof *certificate);
    int code = make_key(&maker);
    if (code == 0) code = write_pair(&maker, certificate);
    mbedtls_mpi_free(&maker.serial);
    mbedtls_x509write_crt_free(&maker.certificate);
    mbedtls_pk_free(&maker.key);
    mbedtls_ctr_drbg_free(&maker.random);
    mbedtls_entropy_free(&maker.entropy);
    return code == 0 || fail(problem, "make a certificate", code);
}

bool certificate_fingerprint(struct tn_hash *fingerprint, char problem[LINK_PROBLEM_SIZE],
                             const char *certificate_pem)
{
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt_init(&certificate);
    int code = mbedtls_x509_crt_parse(&certificate, (const unsigned char *)certificate_pem,
                                      strlen(certificate_pem) + 1);
    bool one = code == 0 && certificate.next == NULL;
    if (one) tn_keccak256(fingerprint, certificate.raw.p, certificate.raw.len);
    mbedtls_x509_crt_free(&certificate);
    if (code < 0) return fail(problem, "read a certificate", code);
    if (!one) {
        snprintf(problem, LINK_PROBLEM_SIZE,
                 "cannot read a certificate: the text must hold exactly one");
    }
    return one;
}

static bool fail_file(char problem[LINK_PROBLEM_SIZE], const char *what, const char *path)
{
    snprintf(problem, LINK_PROBLEM_SIZE, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool write_all(int fd, const char *text)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t count = write(fd, text, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        text += count;
        size -= (size_t)count;
    }
    return true;
}

bool certificate_save(const struct certificate *certificate, char problem[LINK_PROBLEM_SIZE],
                      const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return fail_file(problem, "create", path);
    bool done = write_all(fd, certificate->certificate) &&
                write_all(fd, certificate->private_key) && fsync(fd) == 0;
    if (!done) {
        fail_file(problem, "write", path);
        unlink(path);
    }
    close(fd);
    return done;
}

/* The block of PEM that begins with `begin`, to the end of its last line. */
static bool cut(char out[CERTIFICATE_TEXT_SIZE], const char *text, const char *begin,
                const char *end)
{
    const char *first = strstr(text, begin);
    const char *last = first == NULL ? NULL : strstr(first, end);
    if (last == NULL) return false;
    size_t size = (size_t)(last - first) + strlen(end);
    if (size + 2 > CERTIFICATE_TEXT_SIZE) return false;
    memcpy(out, first, size);
    out[size] = '\n';
    out[size + 1] = '\0';
    return true;
}

bool certificate_load(struct certificate *certificate, char problem[LINK_PROBLEM_SIZE],
                      const char *path)
{
    char text[2 * CERTIFICATE_TEXT_SIZE];
    size_t size = 0;
    ssize_t count = 1;
    memset(certificate, 0, sizeof *certificate);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_file(problem, "open", path);
    while (count > 0 && size < sizeof text - 1) {
        count = read(fd, text + size, sizeof text - 1 - size);
        if (count > 0) size += (size_t)count;
        if (count < 0 && errno == EINTR) count = 1;
    }
    if (count < 0) fail_file(problem, "read", path);
    close(fd);
    if (count < 0) return false;
    text[size] = '\0';
    bool found = cut(certificate->certificate, text, "-----BEGIN CERTIFICATE-----",
                     "-----END CERTIFICATE-----") &&
                 cut(certificate->private_key, text, "-----BEGIN EC PRIVATE KEY-----",
                     "-----END EC PRIVATE KEY-----");
    mbedtls_platform_zeroize(text, sizeof text);
    if (!found) {
        snprintf(problem, LINK_PROBLEM_SIZE,
                 "cannot use %s: it does not hold a certificate and an EC private key", path);
    }
    return found;
}
