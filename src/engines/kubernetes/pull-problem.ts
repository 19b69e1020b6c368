/** Why an image is not there: for good, or so that the cluster's next try may succeed. */
import { EngineError } from '../../core/errors.ts'

/** The cluster waits 10 s, 20 s and so on between its tries. */
const patienceMs = 30_000
const leastBackOffs = 2

/** The registry, or the way to it, has too much to do. */
const passing =
  /qps exceeded|too ?many ?requests|rate.?limit|\b429\b|\b50[0-4]\b|internal server error|bad gateway|service unavailable|time-?out|timed out|deadline exceeded|connection reset|unexpected EOF|registry is unavailable/i
const refused = /unauthorized|denied|forbidden|authentication required|authorization failed|no basic auth|\b40[13]\b/i
const missing = /not found|manifest unknown|does not exist|\b404\b/i

/** An image, and of which container where that is not the worker's. */
export interface ImageOf {
  readonly image: string
  readonly container?: string | undefined
}

/** What the cluster said so far of the images of one pod. */
export class Pulls {
  readonly #now: () => number
  readonly #pulls = new Map<string | undefined, Pulling>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  of(about: ImageOf): Pulling {
    let pulling = this.#pulls.get(about.container)
    if (!pulling) this.#pulls.set(about.container, (pulling = new Pulling(about, this.#now)))
    return pulling
  }
}

/** For messages. */
export function imageText({ image, container }: ImageOf): string {
  return container === undefined ? `Image "${image}"` : `Image "${image}" of container "${container}"`
}

/** For hints: where it is named. */
export function imageSetting({ container }: ImageOf): string {
  return container === undefined ? '"image"' : 'it in "podTemplate", or wherever the cluster takes that container from'
}

/** What the cluster said of one image so far. */
class Pulling {
  readonly #about: ImageOf
  readonly #now: () => number
  #since: number | undefined
  #backOffs = 0
  #reason = ''
  #words = ''

  constructor(about: ImageOf, now: () => number) {
    this.#about = about
    this.#now = now
  }

  /** The pod's state says that a pull failed. Answers what is wrong when it is not worth to wait for another try. */
  hear(reason: string, message: string): EngineError | undefined {
    this.#since ??= this.#now()
    if (reason === 'ImagePullBackOff' && this.#reason !== reason) this.#backOffs++
    this.#reason = reason
    // A back-off of older clusters does not repeat the cause.
    const isBare = /^Back-off pulling image "[^"]*"$/.test(message) && this.#words !== ''
    if (!isBare) this.#words = message
    const said = withoutNames(this.#words, this.#about.image)
    const mayPass = passing.test(said) || reason === 'RegistryUnavailable' || /^Back-off pulling image ""$/.test(said)
    if (mayPass && (this.#backOffs < leastBackOffs || this.#now() - this.#since < patienceMs)) return undefined
    return pullProblem(this.#words, said, this.#about)
  }
}

function pullProblem(message: string, said: string, about: ImageOf): EngineError {
  const image = imageText(about)
  const words = message && ` (${message})`
  if (passing.test(said)) {
    return new EngineError(`${image} could not be pulled, again and again${words}.`, {
      hint: 'Its registry is busy or slow, or lets so many through in a time: try later, log in to it ("imagePullSecrets"), or bring the image to the nodes.',
    })
  }
  if (refused.test(said) && !/\b404\b/.test(said)) {
    return new EngineError(`${image} may not be pulled${words}.`, {
      hint: 'Check its name; for a private registry make a secret ("kubectl create secret docker-registry") and name it in "imagePullSecrets".',
    })
  }
  if (missing.test(said)) {
    return new EngineError(`${image} was not found${words}.`, { hint: `Correct ${imageSetting(about)}, or push it to its registry.` })
  }
  return new EngineError(`${image} could not be pulled${words}.`, {
    hint: 'Check that the nodes can reach its registry, or bring the image to them.',
  })
}

/** Names, addresses and digests may look like anything. */
function withoutNames(message: string, image: string): string {
  return message.replaceAll(image, '').replaceAll(/https?:\/\/[^\s"]+|\bsha256:[0-9a-f]+/gi, '')
}
