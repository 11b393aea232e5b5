// The console's page: signing in, and the views below it.

import '../player.ts';

document.querySelector('#console')?.append('Hearback');
