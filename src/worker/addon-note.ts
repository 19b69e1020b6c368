/** What to do about a compiled add-on that does not load: nothing in Node's own words says it. */
import { readdirSync } from 'node:fs'

const otherLibc = /Error loading shared library (?:ld-linux|libc\.so)|\b(?:ld-musl|libc\.musl)/
const missing = /version `([\w.]+)' not found|([\w.+-]+\.so[\w.]*): cannot open shared object file|Error loading shared library ([\w.+-]+)/

/** A sentence for people, or undefined where the error is about something else. */
export function addonNote(error: unknown): string | undefined {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_FAILED') return undefined
  const { message } = error
  const packages = [...message.matchAll(/node_modules[/\\]((?:@[^/\\\s]+[/\\])?[^/\\\s]+)/g)]
  const name = packages.at(-1)?.[1]?.replace('\\', '/')
  const what = name === undefined ? 'This add-on' : `The add-on of package ${name}`
  if (message.includes('NODE_MODULE_VERSION'))
    return `${what} was made for another version of Node than this worker's ${process.version}: install it with that one, or choose an image with yours.`
  const library = otherLibc.test(message) ? undefined : missing.exec(message)?.slice(1).find(Boolean)
  if (library !== undefined) return `${what} needs ${library}, which is not where this worker runs: use an image that has it.`
  const libc = isMusl() ? 'musl' : 'glibc'
  const { platform: os, arch: cpu } = process
  return `${what} was made for another platform than this worker's ${os}-${cpu} (${libc}): install it with "npm install --os=${os} --cpu=${cpu} --libc=${libc}", or use an image that has it.`
}

function isMusl(): boolean {
  try {
    return readdirSync('/lib').some((name) => name.startsWith('ld-musl-'))
  } catch {
    return false
  }
}
