/** Services a household may want to block for some of its clients, and the domains they live on. */
export const SERVICE_PRESETS: Readonly<Record<string, readonly string[]>> = {
  "9gag": ["9gag.com", "9cache.com"],
  amazonvideo: ["primevideo.com", "aiv-cdn.net", "aiv-delivery.net", "amazonvideo.com", "pv-cdn.net"],
  bluesky: ["bsky.app", "bsky.social", "bsky.network"],
  dailymotion: ["dailymotion.com", "dm-event.net", "dmcdn.net"],
  discord: ["discord.com", "discord.gg", "discordapp.com", "discordapp.net", "discord.media", "discord.dev"],
  disneyplus: ["disneyplus.com", "disney-plus.net", "dssott.com", "bamgrid.com", "disneystreaming.com"],
  epicgames: ["epicgames.com", "epicgames.dev", "unrealengine.com", "fortnite.com", "easyanticheat.net"],
  facebook: ["facebook.com", "facebook.net", "fb.com", "fbcdn.net", "fbsbx.com", "messenger.com", "m.me", "fb.me"],
  hulu: ["hulu.com", "hulustream.com", "huluim.com"],
  instagram: ["instagram.com", "cdninstagram.com", "ig.me"],
  linkedin: ["linkedin.com", "licdn.com", "lnkd.in"],
  minecraft: ["minecraft.net", "mojang.com", "minecraftservices.com"],
  netflix: ["netflix.com", "netflix.net", "nflxext.com", "nflximg.net", "nflximg.com", "nflxso.net", "nflxvideo.net"],
  pinterest: ["pinterest.com", "pinimg.com", "pin.it"],
  playstation: ["playstation.com", "playstation.net", "sonyentertainmentnetwork.com"],
  reddit: ["reddit.com", "redd.it", "redditmedia.com", "redditstatic.com"],
  roblox: ["roblox.com", "rbxcdn.com", "rbx.com"],
  signal: ["signal.org", "whispersystems.org", "signal.art"],
  skype: ["skype.com", "skypeassets.com"],
  snapchat: ["snapchat.com", "snap.com", "sc-cdn.net", "snapkit.com", "sc-static.net", "sc-gw.com"],
  spotify: ["spotify.com", "scdn.co", "spotifycdn.com", "spoti.fi"],
  steam: ["steampowered.com", "steamcommunity.com", "steamcontent.com", "steamstatic.com", "steamusercontent.com"],
  telegram: ["telegram.org", "t.me", "telegram.me", "telegra.ph", "tdesktop.com"],
  threads: ["threads.net", "threads.com"],
  tiktok: ["tiktok.com", "tiktokcdn.com", "tiktokv.com", "tiktokcdn-us.com", "ttlivecdn.com", "muscdn.com"],
  tinder: ["tinder.com", "gotinder.com", "tindersparks.com"],
  tumblr: ["tumblr.com"],
  twitch: ["twitch.tv", "ttvnw.net", "jtvnw.net", "twitchcdn.net", "twitchsvc.net", "ext-twitch.tv"],
  twitter: ["twitter.com", "x.com", "twimg.com", "t.co", "twttr.com"],
  vimeo: ["vimeo.com", "vimeocdn.com"],
  whatsapp: ["whatsapp.com", "whatsapp.net", "wa.me"],
  xboxlive: ["xbox.com", "xboxlive.com", "xboxservices.com"],
  youtube: [
    "youtube.com",
    "youtu.be",
    "youtube-nocookie.com",
    "ytimg.com",
    "googlevideo.com",
    "youtubei.googleapis.com",
    "youtube.googleapis.com",
    "youtubekids.com",
  ],
};

/**
 * Names whose search has a strict form, and the name whose addresses turn it on, as each engine documents it. `*` stands
 * for any top-level domain or two labels of one.
 */
export const SAFE_SEARCH: readonly (readonly [pattern: RegExp, target: string])[] = [
  [/^(?:www\.)?google\.(?:[a-z]{2,3}|com?\.[a-z]{2})$/, "forcesafesearch.google.com"],
  [/^(?:www\.|m\.)?youtube\.com$/, "restrict.youtube.com"],
  [/^(?:youtubei\.googleapis\.com|youtube\.googleapis\.com|www\.youtube-nocookie\.com)$/, "restrict.youtube.com"],
  [/^(?:www\.|edgeservices\.)?bing\.com$/, "strict.bing.com"],
  [/^(?:www\.|start\.|duck\.)?duckduckgo\.com$/, "safe.duckduckgo.com"],
  [/^(?:www\.)?ecosia\.org$/, "strict-safe-search.ecosia.org"],
  [/^(?:www\.)?pixabay\.com$/, "safesearch.pixabay.com"],
  [/^(?:www\.)?yandex\.(?:com|ru|by|kz|ua|eu|net)$/, "familysearch.yandex.ru"],
];

/** What safe search makes of a name; undefined: nothing. */
export function safeSearchTarget(name: string): string | undefined {
  // Most names are out at their first look: every engine's name has one of few letters behind `www.`.
  if (name.length > 40) return undefined;
  return SAFE_SEARCH.find(([pattern]) => pattern.test(name))?.[1];
}
