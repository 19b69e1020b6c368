/** Compiled add-ons (`.node` files) among the user's dependencies that a container cannot load, because they are for another platform. */
import { closeSync, openSync, readSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nodeArchitecture } from './platform.ts'

interface Made {
  readonly os: string
  readonly arch: string
}

/**
 * The packages whose add-ons are all for other platforms than `platform` (`linux/amd64`), with what to do; undefined where there are
 * none. A package that also brings the right one (`@img/sharp-linux-x64` beside `@img/sharp-darwin-arm64`) is fine. It reads thousands
 * of folders: to be asked only when there is reason to.
 */
export function foreignAddons(folders: readonly string[], platform: string): string | undefined {
  const [os = 'linux', goArch = ''] = platform.split('/')
  const arch = nodeArchitecture(goArch)
  const foreign: string[] = []
  for (const folder of folders) {
    for (const [name, made] of addonsIn(folder)) {
      if (made.some((one) => one.os === os && one.arch === arch)) continue
      const [first] = made
      if (first) foreign.push(`${name} (for ${first.os}-${first.arch})`)
    }
  }
  if (foreign.length === 0) return undefined
  return `these dependencies hold add-ons for another platform than the container's ${os}-${arch}: ${foreign.join(', ')}; install them for it with "npm install --os=${os} --cpu=${arch} --libc=glibc", or build an image that has them`
}

/** Package family to the platforms of its add-ons. */
function addonsIn(folder: string): ReadonlyMap<string, readonly Made[]> {
  const found = new Map<string, Made[]>()
  const visit = (at: string, name: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name)
      if (entry.isDirectory()) visit(path, packageAt(at, entry.name, name))
      else if (entry.isFile() && entry.name.endsWith('.node')) {
        const made = madeFor(path)
        if (made) found.set(family(name), [...(found.get(family(name)) ?? []), made])
      }
    }
  }
  try {
    visit(folder, '')
  } catch {
    // Dependencies that change while they are looked at: the warning is left out.
  }
  return found
}

function packageAt(parent: string, name: string, current: string): string {
  if (parent.endsWith('node_modules')) return name
  const scope = /node_modules[/\\](@[^/\\]+)$/.exec(parent)?.[1]
  return scope === undefined ? current : `${scope}/${name}`
}

/** `@img/sharp-linux-x64` and `@img/sharp-darwin-arm64` are one family. */
function family(name: string): string {
  return name.replace(
    /[-_.](linux|linuxmusl|darwin|win32|freebsd|android|x64|arm64|arm|ia32|gnu|musl|msvc|gnueabihf|universal|s390x|ppc64)(?=$|[-_.]).*$/,
    '',
  )
}

const elfMachines: Readonly<Record<number, string>> = {
  0x3e: 'x64',
  0xb7: 'arm64',
  0x28: 'arm',
  0x03: 'ia32',
  0x16: 's390x',
  0x15: 'ppc64',
}

/** Read from the file's own head; undefined for what is no program at all. */
function madeFor(path: string): Made | undefined {
  const head = Buffer.alloc(64)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  if (head.readUInt32BE(0) === 0x7f454c46) {
    const arch = elfMachines[head.readUInt16LE(18)] ?? 'unknown'
    return { os: isForMusl(path) ? 'linux (musl)' : 'linux', arch }
  }
  if (head.readUInt32LE(0) === 0xfeedfacf) return { os: 'darwin', arch: head.readUInt32LE(4) === 0x0100000c ? 'arm64' : 'x64' }
  if (head.readUInt32BE(0) === 0xcafebabe) return { os: 'darwin', arch: 'universal' }
  if (head.toString('latin1', 0, 2) === 'MZ') return { os: 'win32', arch: 'x64' }
  return undefined
}

/** An add-on names the C library it was linked with; one that names none runs with both. */
function isForMusl(path: string): boolean {
  return statSync(path).size < 200 << 20 && readFileSync(path).includes('libc.musl-')
}
