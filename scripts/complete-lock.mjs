/**
 * Adds to package-lock.json the builds for other platforms that the registry in use does not have. npm leaves them out
 * without a word, and `npm ci` then refuses the lock file everywhere. Run it after `npm install` behind such a registry,
 * with the folder of the lock file if that is another one than the project's own: `tools/jest`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const file = join(import.meta.dirname, '..', process.argv[2] ?? '', 'package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8'))
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/** `@oxlint/binding-linux-x64-musl` is for Linux on x64 with musl. */
function platformOf(name) {
  const words = name.split(/[/-]/)
  const os = words.find((word) => SYSTEMS.includes(word))
  const cpu = words.find((word) => CPUS.includes(word))
  if (!os || !cpu) throw new Error(`The lock file lacks "${name}", whose name tells no platform. Install it from a complete registry.`)
  const libc = /musl/.test(words.at(-1)) ? ['musl'] : /gnu/.test(words.at(-1)) && os === 'linux' ? ['glibc'] : undefined
  return { cpu, libc, os }
}

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const places = [`${path}/node_modules/${name}`, `node_modules/${name}`]
    if (places.some((place) => lock.packages[place])) continue
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`The lock file lacks "${name}@${version}". Install it from a complete registry.`)
    const { cpu, libc, os } = platformOf(name)
    const dev = entry.dev && { dev: true }
    lock.packages[`node_modules/${name}`] = { version, cpu: [cpu], ...dev, ...(libc && { libc }), optional: true, os: [os] }
    process.stdout.write(`${name}@${version}\n`)
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`)
