/** Names of processors: as the kernel, Go and Node say them. */
import type { ApiImage } from './api-types.ts'

const goNames: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  armv6l: 'arm',
  i686: '386',
  i386: '386',
}

export function goArchitecture(machine: string): string {
  return goNames[machine] ?? machine
}

const nodeNames: Readonly<Record<string, string>> = { amd64: 'x64', '386': 'ia32' }

/** As `process.arch` says it. */
export function nodeArchitecture(goName: string): string {
  return nodeNames[goName] ?? goName
}

/** This host's, as an image for it would say it. */
export function hostPlatform(): string {
  const goName = Object.keys(nodeNames).find((name) => nodeNames[name] === process.arch) ?? process.arch
  return `${process.platform}/${goName}`
}

/** Whether programs for the one run on the other, as far as system and processor tell: some images of arm64 name a variant, `v8`, and some none. */
export function isSamePlatform(one: string, other: string): boolean {
  const [a, b] = [one, other].map((platform) => platform.split('/').slice(0, 2).join('/'))
  return a === b
}

/** `linux/arm/v7` */
export function platformOf({ Os, Architecture, Variant }: ApiImage): string {
  return [Os || 'linux', Architecture || 'unknown', ...(Variant ? [Variant] : [])].join('/')
}
