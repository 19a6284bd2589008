import { useState } from 'preact/hooks'
import { hueOf, initials } from '../model/wording.js'

interface AvatarProps {
  readonly name: string
  readonly imageUrl: string
}

/** Of no contestant's making: it stands for "no picture", and initials say more. */
const PLACEHOLDER = '/contestant.svg'

/** The contestant's picture where it is served from here; otherwise initials. No other host is ever asked. */
export const Avatar = ({ name, imageUrl }: AvatarProps) => {
  const [broken, setBroken] = useState(false)
  const picture = broken ? undefined : ownPicture(imageUrl)
  return (
    <span class="avatar" aria-hidden="true" style={{ '--hue': String(hueOf(name)) }}>
      {picture ? <img src={picture} alt="" onError={() => setBroken(true)} /> : initials(name)}
    </span>
  )
}

const ownPicture = (imageUrl: string): string | undefined => {
  if (!URL.canParse(imageUrl)) return undefined
  const url = new URL(imageUrl)
  return url.origin === location.origin && url.pathname !== PLACEHOLDER ? url.href : undefined
}
