/** The parts of an image's name, as the docker command line reads them. */
export interface ImageName {
  /** `docker.io` where none is said. */
  readonly registry: string
  /** What the engine's API wants as `fromImage`, the registry included where one was said. */
  readonly repository: string
  /** A tag or a digest. */
  readonly version: string
}

export function parseImageName(image: string): ImageName {
  const [named = '', digest] = image.split('@')
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  const registry = first === 'localhost' || /[.:]/.test(first) ? first : 'docker.io'
  const colon = named.indexOf(':', registry === first ? slash : 0)
  const repository = colon < 0 ? named : named.slice(0, colon)
  return { registry, repository, version: digest ?? (colon < 0 ? 'latest' : named.slice(colon + 1)) }
}
