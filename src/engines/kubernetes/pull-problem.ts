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

/** What the cluster said of one pod's image so far. */
export class Pulling {
  readonly #image: string
  readonly #now: () => number
  #since: number | undefined
  #backOffs = 0
  #reason = ''
  #words = ''

  constructor(image: string, now: () => number = () => performance.now()) {
    this.#image = image
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
    const said = withoutNames(this.#words, this.#image)
    const mayPass = passing.test(said) || reason === 'RegistryUnavailable' || /^Back-off pulling image ""$/.test(said)
    if (mayPass && (this.#backOffs < leastBackOffs || this.#now() - this.#since < patienceMs)) return undefined
    return pullProblem(this.#words, said, this.#image)
  }
}

function pullProblem(message: string, said: string, image: string): EngineError {
  const words = message && ` (${message})`
  if (passing.test(said)) {
    return new EngineError(`Image "${image}" could not be pulled, again and again${words}.`, {
      hint: 'Its registry is busy or slow, or lets so many through in a time: try later, log in to it ("imagePullSecrets"), or bring the image to the nodes.',
    })
  }
  if (refused.test(said) && !/\b404\b/.test(said)) {
    return new EngineError(`Image "${image}" may not be pulled${words}.`, {
      hint: 'Check its name; for a private registry make a secret ("kubectl create secret docker-registry") and name it in "imagePullSecrets".',
    })
  }
  if (missing.test(said)) {
    return new EngineError(`Image "${image}" was not found${words}.`, { hint: 'Correct "image", or push it to its registry.' })
  }
  return new EngineError(`Image "${image}" could not be pulled${words}.`, {
    hint: 'Check that the nodes can reach its registry, or bring the image to them.',
  })
}

/** Names, addresses and digests may look like anything. */
function withoutNames(message: string, image: string): string {
  return message.replaceAll(image, '').replaceAll(/https?:\/\/[^\s"]+|\bsha256:[0-9a-f]+/gi, '')
}
