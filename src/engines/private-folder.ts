/** Whose a supervisor's private folder is, so that another one's sweep knows when it may go. */
import { writeFileSync } from 'node:fs'
import { lstat, readFile, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bootId, homeText, isLiving, parseHome, type Home } from './host-process.ts'
import { hostLabel } from './origin.ts'

/** Says in a private folder whose it is: the supervisor's process, the boot of the host it ran in, and that host: others may share the disk. */
const OWNER_FILE = 'owner'

/** Nobody takes longer from making a folder to claiming it. */
const CLAIM_MS = 60_000

/** Claims a private folder, so that another supervisor's sweep knows when it may go. */
export function claimFolder(directory: string, home: Home): void {
  writeFileSync(join(directory, OWNER_FILE), `${homeText(home)} ${bootId()} ${hostLabel()}\n`, { mode: 0o600 })
}

/**
 * Removes the private folders of supervisors whose process is gone, also of one that was killed before it had claimed its own. Rejects
 * with the system's error for one that cannot be removed, when the others are.
 */
export async function sweepFolders(directory: string): Promise<void> {
  const parent = dirname(directory)
  const problems: unknown[] = []
  for (const name of await readdir(parent)) {
    const folder = join(parent, name)
    if (folder === directory || !(await isLeftFolder(folder))) continue
    await rm(folder, { recursive: true, force: true }).catch((error: unknown) => problems.push(error))
  }
  if (problems.length > 0) throw problems[0]
}

/** Whether the folder belongs to a supervisor that is known to be gone. */
export async function isLeftFolder(folder: string): Promise<boolean> {
  const status = await lstat(folder).catch(() => undefined)
  if (!status?.isDirectory() || status.uid !== process.getuid?.()) return false
  const owner = await ownerText(folder)
  if (owner === undefined) return false
  const [text = '', boot = '', host] = owner.trim().split(' ')
  const home = parseHome(text)
  if (!home) return Date.now() - status.mtimeMs > CLAIM_MS && (await isUnused(folder))
  // Earlier versions did not say which host: only a boot that is ours is surely of this one.
  if (host === undefined ? boot !== bootId() : host !== hostLabel()) return false
  return boot !== bootId() || (await isLiving(home)) === false
}

/** Nothing is known of a folder that another sweep has removed meanwhile, or that cannot be read now. */
async function isUnused(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => undefined)
  return names?.every((name) => name === OWNER_FILE) ?? false
}

/** Empty where nobody has claimed it; nothing where it cannot be read now, as for want of descriptors. */
async function ownerText(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, OWNER_FILE), 'utf8')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : undefined
  }
}
