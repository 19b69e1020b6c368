import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineError, UsageError } from '../../../src/core/errors.ts'
import { CredentialSource } from '../../../src/engines/kubernetes/credentials.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const two = `
current-context: near
clusters:
  - { name: a, cluster: { server: 'https://10.0.0.1:6443', certificate-authority-data: ${Buffer.from('the ca').toString('base64')} } }
  - { name: b, cluster: { server: 'https://far.example/k8s', insecure-skip-tls-verify: true, tls-server-name: other } }
users:
  - { name: me, user: { client-certificate: me.crt, client-key: me.key } }
  - { name: robot, user: { token: secret } }
contexts:
  - { name: near, context: { cluster: a, user: me, namespace: team } }
  - { name: far, context: { cluster: b, user: robot } }
`

describe('a kubeconfig', () => {
  test('gives the current context, with files beside it', async () => {
    write('me.crt', 'certificate')
    write('me.key', 'key')
    const cluster = await findCluster(undefined, { KUBECONFIG: write('config', two) })
    expect(cluster).toMatchObject({
      name: 'near',
      ca: 'the ca',
      insecure: false,
      namespace: 'team',
      user: { cert: 'certificate', key: 'key' },
    })
    expect(cluster.server.href).toBe('https://10.0.0.1:6443/')
    expect(await new CredentialSource(cluster, {}).get()).toEqual({ cert: 'certificate', key: 'key' })
  })

  test('gives the context that was asked for', async () => {
    const cluster = await findCluster('far', { KUBECONFIG: write('config', two) })
    expect(cluster).toMatchObject({ name: 'far', insecure: true, serverName: 'other', namespace: 'default' })
    expect(cluster.server.pathname).toBe('/k8s')
    expect(await new CredentialSource(cluster, {}).get()).toEqual({ authorization: 'Bearer secret' })
  })

  test('gives as whom requests are to be taken', async () => {
    const as = 'as: deployer, as-uid: "7", as-groups: [team, ops], as-user-extra: { reason: [night] }'
    const KUBECONFIG = write('config', two.replace('token: secret', `token: secret, ${as}`))
    expect((await findCluster('far', { KUBECONFIG })).user.impersonate).toEqual({
      user: 'deployer',
      uid: '7',
      groups: ['team', 'ops'],
      extra: { reason: ['night'] },
    })
    expect((await findCluster('far', { KUBECONFIG: write('config', two) })).user.impersonate).toBeUndefined()
  })

  test('in several files is one, and the first to say something holds', async () => {
    const first = write('first', 'current-context: far\n')
    expect(await findCluster(undefined, { KUBECONFIG: `${first}:${join(folder, 'missing')}:${write('second', two)}` })).toMatchObject({
      name: 'far',
    })
  })

  test.each([
    ['nothing there', undefined, undefined, EngineError, /No Kubernetes cluster is configured/],
    ['no YAML', '\t- {', undefined, EngineError, /is no YAML/],
    ['no current context', 'contexts: []', undefined, UsageError, /has no current context/],
    ['a context that is not there', two, 'nowhere', UsageError, /no context "nowhere"\. It has: near, far/],
    ['files that are not there', two, 'near', EngineError, /client-certificate of .* cannot be read/],
    ['an old login', `${two}\n`.replace('token: secret', 'auth-provider: { name: oidc }'), 'far', UsageError, /auth-provider "oidc"/],
    [
      'a way through a proxy',
      two.replace("server: 'https://far", "proxy-url: 'http://me:secret@proxy:3128', server: 'https://far"),
      'far',
      UsageError,
      /"b" of .* has the proxy-url "http:\/\/proxy:3128", and cowait does not go through proxies\. .*kubectl proxy/,
    ],
    ['groups of nobody', two.replace('token: secret', 'token: secret, as-groups: [a]'), 'far', UsageError, /without "as"/],
  ] as const)('that cannot serve is one clear error: %s', async (_name, text, context, kind, message) => {
    const KUBECONFIG = text === undefined ? join(folder, 'none') : write('config', text)
    const error = await findCluster(context, { KUBECONFIG }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(kind)
    expect((error as Error).message).toMatch(message)
  })

  test('with a plugin: it is asked once, told what it needs, and asked again when its answer is refused', async () => {
    const plugin = write(
      'login',
      `#!/bin/sh\necho x >> "${folder}/asked"\nprintf '{"kind":"ExecCredential","status":{"token":"%s-%s"}}' "$REGION" "$(echo "$KUBERNETES_EXEC_INFO" | grep -c '"server":"https://far.example/k8s"')"`,
    )
    chmodSync(plugin, 0o755)
    const exec =
      '{ exec: { apiVersion: client.authentication.k8s.io/v1, command: ./login, env: [{ name: REGION, value: eu }], provideClusterInfo: true } }'
    const text = two.replace('{ token: secret }', exec)
    const source = new CredentialSource(await findCluster('far', { KUBECONFIG: write('config', text) }), process.env)
    expect(await Promise.all([source.get(), source.get()])).toEqual([{ authorization: 'Bearer eu-1' }, { authorization: 'Bearer eu-1' }])
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('x\n')
    expect(source.refuse(await source.get())).toBe(true)
    await source.get()
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('x\nx\n')
  })

  test('with a plugin that fails: its last words, and how to install it', async () => {
    const exec = '{ exec: { command: no-such-login, installHint: install it so } }'
    const cluster = await findCluster('far', { KUBECONFIG: write('config', two.replace('{ token: secret }', exec)) })
    const error = await new CredentialSource(cluster, process.env).get().catch((thrown: unknown) => thrown as EngineError)
    expect(error).toMatchObject({ hint: 'install it so', message: expect.stringMatching(/no-such-login was not found/) })
  })
})
