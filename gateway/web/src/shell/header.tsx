import { useServices } from '../services.js'
import { useWatched } from '../state.js'
import { MoonIcon, SunIcon } from './icons.js'

export const Header = () => {
  const { session, signInOpen, theme } = useServices()
  const user = useWatched(session.user)
  const dark = useWatched(theme.theme) === 'dark'
  return (
    <header class="header">
      <div class="header-inner">
        <a class="brand" href="/">
          <span class="brand-mark" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          Votestream
        </a>
        <nav class="header-nav" aria-label="Page">
          {user?.isAdmin && (
            <a class="button button-quiet" href="/new">
              New event
            </a>
          )}
          {user ? (
            <>
              <span class="header-user" title={user.username}>
                {user.username}
              </span>
              <button type="button" class="button button-quiet" onClick={() => session.end()}>
                Sign out
              </button>
            </>
          ) : (
            <button type="button" class="button button-quiet" onClick={() => signInOpen.set(true)}>
              Sign in
            </button>
          )}
          <button
            type="button"
            class="button button-icon"
            aria-label={dark ? 'Use light colours' : 'Use dark colours'}
            onClick={() => theme.toggle()}
          >
            {dark ? <SunIcon /> : <MoonIcon />}
          </button>
        </nav>
      </div>
    </header>
  )
}
