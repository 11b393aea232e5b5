// One call in React: `?link=…`, a signed link that your own server made.

import 'hearback-player';
import type { HearbackPlayer, PlaybackName } from 'hearback-player';
import type {} from 'hearback-player/react';
import { useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';

async function newLink(): Promise<string> {
  const answer = await fetch('/my/link');
  return answer.text();
}

function Call({ link }: { link: string }) {
  const player = useRef<HearbackPlayer>(null);
  const [state, setState] = useState<PlaybackName>('idle');
  return (
    <>
      <h1>One call</h1>
      <hearback-player
        ref={player}
        link={link}
        onhearback-state={({ detail }) => setState(detail.state)}
        onhearback-link-expired={({ detail }) => detail.renewWith(newLink())}
      />
      <p>
        It is {state}.{' '}
        <button type="button" onClick={() => player.current?.play()}>
          Play from here
        </button>
      </p>
    </>
  );
}

const link = new URLSearchParams(location.search).get('link') ?? '';
const root = document.querySelector('#root');
if (root) createRoot(root).render(<Call link={link} />);
