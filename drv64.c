#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <dlfcn.h>
#include <time.h>
#include <sys/mman.h>
static double now(){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+1e-9*t.tv_nsec;}
typedef struct {void*data;int32_t dev[2];int32_t ndim;uint8_t code,bits;uint16_t lanes;int64_t*shape,*strides;uint64_t off;} T;
typedef struct {uint32_t version;void*ws;size_t wsb;void*stream,*par,*pool;int32_t threads;void*err;size_t errb;} C;
// drv lib type h kv m n seconds [lib2...]: alternating calls; prints per lib min & median ns/key/kvhead and reading
static void* mem(size_t b,int bits,int kind){ uint16_t*p=mmap(0,b+4096,3,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); madvise(p,b,MADV_NOHUGEPAGE); uint32_t s=12345; for(size_t i=0;i<b/2;i++){s=s*1664525+1013904223; uint16_t w; if(kind==0)w=(i&1)?0x3f00+((s>>20)&127)+((s>>8&1)<<15):0; else if(kind==1) w=0x3f00+((s>>20)&127)+((s>>8&1)<<15); else w=0x3800+((s>>18)&1023)+((s>>8&1)<<15); p[i]=w;} return p;}
static int cmp(const void*a,const void*b){double x=*(double*)a,y=*(double*)b;return x<y?-1:x>y;}
#include <immintrin.h>
static int sink;
static double readall(char*p,size_t b){double s=now(); __m512i a[8]; for(int i=0;i<8;i++)a[i]=_mm512_setzero_si512(); for(size_t i=0;i<b;i+=512) for(int q=0;q<8;q++)a[q]=_mm512_add_epi32(a[q],_mm512_loadu_si512(p+i+64*q)); for(int i=1;i<8;i++)a[0]=_mm512_add_epi32(a[0],a[i]); sink+=_mm512_reduce_add_epi32(a[0]); return now()-s;}
int main(int c,char**v){
 char*t=v[1]; int64_t h=atoi(v[2]),kv=atoi(v[3]),m=atoi(v[4]),n=atoi(v[5]); double sec=atof(v[6]); int L=c-7;
 int kind=t[0]=='b'?1:t[1]=='1'?2:0, bits=kind?16:32;
 int64_t qs[4]={1,h,m,64},ks[4]={1,kv,n,64};
 size_t kb=kv*n*64*bits/8,qb=h*m*64*bits/8;
 T q={mem(qb,bits,kind),{1,0},4,kind==1?4:2,bits,1,qs,0,0},k=q,o=q,vv=q; k.shape=vv.shape=ks; k.data=mem(kb,bits,kind); vv.data=mem(kb,bits,kind); 
 int(*f[8])(C*,T**,int); C ctx={1}; ctx.threads=1; void*outs[8];
 for(int i=0;i<L;i++){ void*d=dlopen(v[7+i],RTLD_NOW); if(!d){puts(dlerror());return 1;} f[i]=dlsym(d,"f"); outs[i]=mem(qb,bits,kind);}
 static double ts[9][1000000]; static double sh[9][1000000]; int k1=0; double s0=now();
 while((k1<5||now()-s0<sec)&&k1<1000000){ double before=readall(k.data,kb)+readall(vv.data,kb); ts[8][k1]=before;
  for(int i=0;i<L;i++){ o.data=outs[i]; T*a[4]={&q,&k,&vv,&o}; double s=now(); int r=f[i](&ctx,a,4); double e=now()-s; if(r){printf("status %d\n",r);return 1;} 
   double after=readall(k.data,kb)+readall(vv.data,kb); ts[i][k1]=e; sh[i][k1]=(before+after)/2/e; before=after; }
  k1++; }
 double keys=kv*n;
 qsort(ts[8],k1,8,cmp); printf("%s %ld/%ld M=%ld N=%ld: reading min %.1f median %.1f ns/key (%d calls)\n",t,h,kv,m,n,1e9*ts[8][0]/keys,1e9*ts[8][k1/2]/keys,k1);
 for(int i=0;i<L;i++){ qsort(ts[i],k1,8,cmp); qsort(sh[i],k1,8,cmp); printf("  %-28s min %.1f q1 %.1f median %.1f ns/key; share %.0f (%.0f to %.0f)%%",v[7+i],1e9*ts[i][0]/keys,1e9*ts[i][k1/4]/keys,1e9*ts[i][k1/2]/keys,100*sh[i][k1/2],100*sh[i][k1/4],100*sh[i][3*k1/4]);
  if(i){ double d=0; for(size_t e=0;e<qb/2;e++){ uint16_t x=((uint16_t*)outs[0])[e],y=((uint16_t*)outs[i])[e]; double dd=abs((int)x-(int)y); if(bits==16&&dd>d)d=dd;} printf(" ulps vs first %g",d);} puts("");}
}
