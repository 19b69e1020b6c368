/**
 * How the supervisor and the program in a pod speak over the pod's address: TLS with a key that both have (RFC 8446, section 2.2), and
 * no certificates. The supervisor makes the key and gives it over the forwarded connection; so each end knows the other by it, and nobody
 * else on the network can read, join or take part, not even whoever takes over the pod's address.
 *
 * TLS 1.3 only: its sessions have keys of their own besides (X25519), and Node 20 and 24 agree on this suite alone, for a key that is
 * given by callback goes with SHA-256.
 */
import type { SecureContextOptions } from 'node:tls'

export const directTls: Pick<SecureContextOptions, 'minVersion' | 'maxVersion' | 'ciphers'> = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
}

export const keyBytes = 32
export const keyIdentity = 'cowait'

/** On which the program in a pod listens, on all addresses that the pod has. A NetworkPolicy must let the supervisor through to it. */
export const directPort = 48_766
