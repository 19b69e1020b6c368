/**
 * As whom a container runs. Never with more rights than who runs cowait, and so that what is written to a mounted folder belongs to
 * them: Docker's own default, root, leaves files behind that their owner cannot delete.
 *
 * 1. What was set.
 * 2. The image's own user, where it has one other than root: its files were laid out for it.
 * 3. Rootless Docker and Podman, and user namespaces: root inside, which outside is the user or nobody.
 * 4. An engine on this very host: who runs cowait. For root that is root without a single capability.
 * 5. Otherwise, where this host's users mean nothing: 1000.
 */
import type { ApiInfo } from './api-types.ts'
import type { Endpoint } from './endpoint.ts'

const anyUser = '1000:1000'

export function containerUser(wish: string | undefined, imageUser: string, defaultUser: string): string | undefined {
  if (wish !== undefined) return wish
  if (imageUser !== '' && !/^(root|0)(:|$)/.test(imageUser)) return undefined
  return defaultUser
}

/** Rules 3 to 5. */
export function engineUser(info: ApiInfo, endpoint: Endpoint): string {
  if (info.SecurityOptions?.some((option) => /name=(rootless|userns)/.test(option))) return '0:0'
  const isHere = endpoint.kind === 'unix' && process.platform === 'linux' && !/Docker Desktop/i.test(info.OperatingSystem)
  if (!isHere || process.getuid === undefined || process.getgid === undefined) return anyUser
  return `${process.getuid()}:${process.getgid()}`
}
