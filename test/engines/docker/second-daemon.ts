/**
 * A Docker daemon of the test's own, with its own data, mounts and network, which may be restarted, starved or hidden from. The network
 * too, since a daemon takes every bridge of its name for its own, and removes what it does not know.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { image } from './available.ts'

const run = promisify(execFile)

export interface SecondDaemonOptions {
  /** Folders that it finds empty, as one behind a virtual machine does. */
  readonly hide?: readonly string[]
  /** On a loopback port, with certificates in `certificates`. */
  readonly tls?: boolean
  /** Gives containers users of their own, which the host does not know. */
  readonly remapUsers?: boolean
  /** Keeps its data in memory of this size. */
  readonly diskBytes?: number
}

export class SecondDaemon implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'cowait-daemon-'))
  port = 0
  readonly #options: SecondDaemonOptions
  #process: ChildProcess | undefined
  #listening: Server | undefined

  private constructor(options: SecondDaemonOptions) {
    this.#options = options
  }

  static async start(options: SecondDaemonOptions = {}): Promise<SecondDaemon> {
    const daemon = new SecondDaemon(options)
    if (options.tls) {
      makeCertificates(daemon.certificates)
      daemon.#listening = createServer().listen(0, '127.0.0.1')
      await once(daemon.#listening, 'listening')
      daemon.port = (daemon.#listening.address() as AddressInfo).port
    }
    mkdirSync(daemon.#data)
    if (options.diskBytes) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${options.diskBytes}`, 'tmpfs', daemon.#data])
    try {
      await daemon.up()
      return daemon
    } catch (error) {
      await daemon[Symbol.asyncDispose]()
      throw error
    }
  }

  get host(): string {
    return `unix://${this.folder}/docker.sock`
  }

  get certificates(): string {
    return join(this.folder, 'certificates')
  }

  get #data(): string {
    return join(this.folder, 'data')
  }

  async up(): Promise<void> {
    const { hide = [], tls, remapUsers } = this.#options
    const certificates = (name: string): string => join(this.certificates, name)
    const line = [
      'dockerd',
      '--data-root',
      this.#data,
      '--exec-root',
      join(this.folder, 'exec'),
      '--pidfile',
      join(this.folder, 'pid'),
      '--host',
      this.host,
    ]
    const preparations = hide.map((folder) => `mount -t tmpfs tmpfs '${folder}'`)
    if (remapUsers) {
      // The users that the host does not know must get through to the daemon's data.
      chmodSync(this.folder, 0o711)
      const ranges = join(this.folder, 'ranges')
      writeFileSync(ranges, 'nobody:300000:65536\nnogroup:300000:65536\n')
      preparations.push(`mount --bind ${ranges} /etc/subuid`, `mount --bind ${ranges} /etc/subgid`)
      line.push('--userns-remap', 'nobody:nogroup')
    }
    if (tls) {
      // Handed in, listening already: a port that it opened itself would be in its own network.
      line.push('--host', 'fd://', '--tlsverify')
      line.push('--tlscacert', certificates('ca.pem'), '--tlscert', certificates('server.pem'), '--tlskey', certificates('server-key.pem'))
    }
    const log = openSync(join(this.folder, 'log'), 'a')
    const script = [...preparations, tls ? 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' : 'exec "$@"'].join(' && ')
    const handle = (this.#listening as unknown as { _handle: { fd: number } } | undefined)?._handle.fd
    this.#process = spawn('unshare', ['-m', '-n', 'sh', '-c', script, 'sh', ...line], {
      stdio: ['ignore', log, log, ...(handle === undefined ? [] : [handle])],
      detached: true,
      // A daemon that finds its containerd slow, on a machine that stood still, has it write down its stacks there, and ends it.
      env: { ...process.env, TMPDIR: this.folder },
    })
    // From now on only the daemon takes connections from it.
    this.#listening?.close()
    for (let tries = 0; ; tries++) {
      try {
        await this.docker('version')
        return
      } catch (error) {
        if (tries === 150 || this.#process.exitCode !== null)
          throw new Error(`The second daemon did not start:\n${readFileSync(join(this.folder, 'log'), 'utf8').slice(-2000)}`, {
            cause: error,
          })
        await pause(200)
      }
    }
  }

  async docker(...command: string[]): Promise<string> {
    return (
      await run('docker', ['--host', this.host, ...command], {
        env: { ...process.env, DOCKER_HOST: '', DOCKER_CONTEXT: '', DOCKER_TLS_VERIFY: '' },
        maxBuffer: 16 << 20,
      })
    ).stdout.trim()
  }

  loadImage(): void {
    execFileSync('sh', ['-c', `docker save ${image} | docker --host ${this.host} load`], { stdio: 'ignore' })
  }

  /** As in a crash: containers die with it. */
  async down(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return
    const containerd = readFileSync(join(this.folder, 'exec/containerd/containerd.pid'), 'utf8')
    process.kill(this.#id, signal)
    await once(child, 'exit')
    rmSync(join(this.folder, 'pid'), { force: true })
    // It dies with its daemon, a moment later. The next one would take it for one that it can use, and wait for it for ever.
    while (existsSync(`/proc/${containerd}`)) await pause(20)
  }

  /** It takes connections and does not answer: stuck, for its callers. Resolves when the last of its threads stands still. */
  async freeze(): Promise<void> {
    const tasks = `/proc/${this.#id}/task`
    process.kill(this.#id, 'SIGSTOP')
    const stands = (id: string): boolean => /^State:\s+T/m.test(readFileSync(join(tasks, id, 'status'), 'utf8'))
    while (!readdirSync(tasks).every(stands)) await pause(5)
  }

  thaw(): void {
    process.kill(this.#id, 'SIGCONT')
  }

  get #id(): number {
    return Number(readFileSync(join(this.folder, 'pid'), 'utf8'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
    for (const mount of mounts.filter((path) => path.startsWith(`${this.folder}/`)).toReversed()) execFileSync('umount', ['-l', mount])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** One authority, a server for 127.0.0.1, a client. */
export function makeCertificates(folder: string): void {
  mkdirSync(folder)
  const openssl = (...command: string[]): void => void execFileSync('openssl', command, { cwd: folder, stdio: 'ignore' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...ec, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test')
  for (const [name, file, usage] of [
    ['server', 'server', 'serverAuth'],
    ['client', '', 'clientAuth'],
  ] as const) {
    const [key, cert] = file === '' ? ['key.pem', 'cert.pem'] : [`${file}-key.pem`, `${file}.pem`]
    openssl('req', ...ec, '-keyout', key, '-out', 'request.pem', '-subj', `/CN=${name}`)
    writeFileSync(join(folder, 'extensions'), `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${usage}\n`)
    openssl(
      'x509',
      '-req',
      '-in',
      'request.pem',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca-key.pem',
      '-CAcreateserial',
      '-out',
      cert,
      '-days',
      '2',
      '-extfile',
      'extensions',
    )
  }
}
